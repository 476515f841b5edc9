// What a token is about: code, mathematics, dialogue, prose, image, sound or video; or what the caller calls it.
//
// A document's text has one domain, from the kind of its file, words in its path, and whether it asks and answers. Rows of media
// have the domain of what they stand for, whatever document they are in. Marks (<bos>, <|image>) belong to none.
import { basename } from 'node:path'
import { type CorpusDocument, kindOf, type MediaEncoder, type WorldTask } from '../data/index.ts'
import { noDomain } from './routingSample.ts'

/** The usual domains, in the order that tables show them. */
export const usualDomains = ['code', 'mathematics', 'dialogue', 'prose', 'image', 'sound', 'video'] as const

const aWordOf = (list: string): RegExp => new RegExp(`(?<![a-z0-9])(${list})(?![a-z0-9])`)

/** Words of a path that tell what its text is about; the first rule that has one decides. */
const words: [domain: string, word: RegExp][] = [
  ['code', aWordOf('code|humaneval|mbpp')],
  [
    'mathematics',
    aWordOf('maths?|mathematics|metamath|arithmetic|algebra|geometry|calculus|theorems?|gsm8k|svamp|minif2f'),
  ],
  ['dialogue', aWordOf('dialog(ue)?s?|chats?|conversations?|transcripts?|instruct(ions?)?|qa|mt-bench')],
]

/** The domain of a document's text. */
export function documentDomain({ parts, provenance }: CorpusDocument): string {
  const path = `${basename(provenance.source)}/${provenance.path}`
  if (kindOf(provenance.path) === 'code') return 'code'
  for (const [domain, word] of words) if (word.test(path.toLowerCase())) return domain
  const asks = parts.some((part) => 'text' in part && part.target === false)
  return asks ? 'dialogue' : 'prose'
}

/** The domain of the text of a document of the generated world: questions and answers, but for sums and statements. */
export function worldTextDomain(task: WorldTask): string {
  if (task === 'arithmetic') return 'mathematics'
  return task === 'facts' ? 'facts' : 'dialogue'
}

/** Where a domain stands in tables: the usual ones first, in their order. */
export function domainOrder(name: string): number {
  const at = (usualDomains as readonly string[]).indexOf(name)
  return at < 0 ? usualDomains.length : at
}

/** Names to numbers, in the order of first use. */
export class DomainNames {
  readonly names: string[] = []

  numberOf(name: string): number {
    const known = this.names.indexOf(name)
    if (known >= 0) return known
    if (this.names.length >= noDomain) throw new RangeError(`domains: must be at most ${noDomain}, got more`)
    return this.names.push(name) - 1
  }
}

/** The domain of each token of an encoded document whose text is of domain `text`. */
export function tokenDomains(
  ids: Int32Array,
  encoder: Pick<MediaEncoder, 'ids' | 'options' | 'bosId' | 'eosId'>,
  text: string,
  domains: DomainNames,
): Uint8Array {
  const { imageOpen, imageClose, audioOpen, audioClose, image, audio, video } = encoder.ids
  const marks = new Set([encoder.bosId, encoder.eosId, imageOpen, imageClose, audioOpen, audioClose])
  const { imageCodes, soundCodes } = encoder.options
  const isCode = (id: number, codes: typeof imageCodes): boolean =>
    codes !== undefined && id >= codes.first && id < codes.first + codes.tokens * codes.size
  return Uint8Array.from(ids, (id) => {
    if (marks.has(id)) return noDomain
    if (id === image || isCode(id, imageCodes)) return domains.numberOf('image')
    if (id === audio || isCode(id, soundCodes)) return domains.numberOf('sound')
    return domains.numberOf(id === video ? 'video' : text)
  })
}
