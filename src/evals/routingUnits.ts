// Units: what a model reads at once when its routing is looked at. A text is cut into stretches, as packing does in training; a
// document with media is one unit.
import type { EncodedDocument, MediaEncoder, MediaPart, TextTokenizer } from '../data/index.ts'
import { type DomainNames, tokenDomains } from './routingDomains.ts'
import { noDomain } from './routingSample.ts'

export interface RoutingUnit extends Partial<Pick<EncodedDocument, 'blockEnd' | 'pictures' | 'sounds'>> {
  ids: Int32Array
  /** [n] as RoutingSample.domains. */
  domains: Uint8Array
  document: number
}

/** UTF-16 units of text that are certain to hold a token more than is wanted. */
const charactersAToken = 32

/** A text opened by <bos>, in stretches of at most `time` tokens, `most` of them at most. */
export function textUnits(
  text: string,
  { tokenizer, domain, document }: { tokenizer: TextTokenizer & { bosId: number }; domain: number; document: number },
  { time, most }: { time: number; most: number },
): RoutingUnit[] {
  const encoded = tokenizer.encode(text.slice(0, charactersAToken * time * most))
  const ids = Int32Array.of(tokenizer.bosId, ...encoded.slice(0, time * most - 1))
  return Array.from({ length: Math.ceil(ids.length / time) }, (_, i) => {
    const part = ids.slice(i * time, (i + 1) * time)
    const domains = new Uint8Array(part.length).fill(domain)
    if (i === 0) domains[0] = noDomain
    return { ids: part, domains, document }
  })
}

/** A document with media, or null when it takes more than `time` tokens. */
export async function mediaUnit(
  parts: MediaPart[],
  { encoder, domain, document }: { encoder: MediaEncoder; domain: string; document: number },
  { time, domains }: { time: number; domains: DomainNames },
): Promise<RoutingUnit | null> {
  const { ids, blockEnd, pictures, sounds } = await encoder.encode(parts)
  if (ids.length > time) return null
  return { ids, blockEnd, pictures, sounds, domains: tokenDomains(ids, encoder, domain, domains), document }
}

/** Tokens of a unit that have a domain, by domain. */
function tokensByDomain({ domains }: RoutingUnit): Map<number, number> {
  const counts = new Map<number, number>()
  for (const domain of domains) if (domain !== noDomain) counts.set(domain, (counts.get(domain) ?? 0) + 1)
  return counts
}

/**
 * Units for about `tokens` tokens in all, as evenly over domains as what there is allows: the next unit is always one of
 * the domain that has had the fewest tokens. Documents take turns, so that one long text does not speak for its domain.
 */
export function chooseUnits(units: RoutingUnit[], tokens: number): RoutingUnit[] {
  const waiting = new Map<number, RoutingUnit[]>()
  for (const unit of inTurns(units)) {
    const main = [...tokensByDomain(unit)].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [noDomain, 0])
    if (waiting.has(main[0])) waiting.get(main[0])!.push(unit)
    else waiting.set(main[0], [unit])
  }
  const had = new Map([...waiting.keys()].map((domain) => [domain, 0]))
  const chosen: RoutingUnit[] = []
  for (let total = 0; total < tokens && had.size > 0;) {
    const [domain] = [...had].reduce((least, entry) => (entry[1] < least[1] ? entry : least))
    const unit = waiting.get(domain)!.shift()
    if (!unit) {
      had.delete(domain)
      continue
    }
    chosen.push(unit)
    total += unit.ids.length
    for (const [each, count] of tokensByDomain(unit)) if (had.has(each)) had.set(each, had.get(each)! + count)
  }
  return chosen
}

/** First units of all documents, then second ones, and so on. */
function inTurns(units: RoutingUnit[]): RoutingUnit[] {
  const seen = new Map<number, number>()
  const turns = units.map((unit) => {
    const turn = seen.get(unit.document) ?? 0
    seen.set(unit.document, turn + 1)
    return { unit, turn }
  })
  return turns.sort((a, b) => a.turn - b.turn).map(({ unit }) => unit)
}
