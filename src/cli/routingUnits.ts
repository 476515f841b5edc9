// What `pollux routing` reads: files, the generated world, or what the run was trained on, as units with their domains.
import { existsSync } from 'node:fs'
import {
  type CorpusDocument,
  hasMedia,
  type MediaEncoder,
  MediaReader,
  openCorpus,
  permute,
  splitDocuments,
  textOf,
  worldDocument,
  type WorldTask,
  worldTasks,
} from '../data/index.ts'
import {
  chooseUnits,
  documentDomain,
  DomainNames,
  domainOrder,
  mediaUnit,
  type RoutingUnit,
  textUnits,
  worldTextDomain,
} from '../evals/index.ts'
import type { Tokenizer } from '../tokenizer/index.ts'
import { PolluxError } from '../util/index.ts'
import { needsMedia, rootOf } from './prepareMedia.ts'
import type { RoutingFlags } from './routing.ts'
import type { RunRequest } from './runFolder.ts'
import { parseMixture } from './trainPlan.ts'

/** What reads the texts: media need an encoder. */
export interface UnitReader {
  tokenizer: Tokenizer
  encoder: MediaEncoder | null
  /** Tokens a unit may have. */
  time: number
  /** Told how many documents are read, now and then. */
  onProgress?: (documents: number) => void
}

export interface FoundUnits {
  units: RoutingUnit[]
  domainNames: string[]
  /** What was read, for people. */
  from: string
  /** Documents left out: too long for a unit, unreadable, or with media that the model does not read. */
  leftOut: number
}

/** Documents of one domain that take turns in a long text's stead, if there are as many. */
const turns = 16
/** Documents of the world read for each task, at most. */
const worldItems = 400

interface NamedDocument {
  document: CorpusDocument
  domain: string
}

/** Units for about `flags.tokens` tokens. @throws PolluxError when nothing could be read */
export async function findUnits(flags: RoutingFlags, request: RunRequest, reader: UnitReader): Promise<FoundUnits> {
  const domains = new DomainNames()
  const found =
    flags.data === undefined && (flags.world ?? request.world) !== undefined
      ? await worldUnits(flags, request, reader, domains)
      : await fileUnits(flags, request, reader, domains)
  const units = chooseUnits(found.units, flags.tokens)
  if (units.length === 0) {
    throw new PolluxError(`routing: ${found.from} must hold something to read, got ${found.leftOut} documents left out`)
  }
  return { ...found, units, domainNames: domains.names }
}

type Found = Omit<FoundUnits, 'domainNames'>

async function worldUnits(
  { world, tokens, seed }: RoutingFlags,
  request: RunRequest,
  { encoder, time, onProgress }: UnitReader,
  domains: DomainNames,
): Promise<Found> {
  if (encoder === null) {
    throw new PolluxError('routing: --world must be read by a model with media, got one of text alone', {
      hint: 'npx pollux train --world trains one; --data takes texts',
    })
  }
  const mixture = typeof world === 'string' ? parseMixture(world) : (request.world?.mixture ?? null)
  const tasks = worldTasks.filter((task) => canWrite(task, encoder) && (mixture === null || (mixture[task] ?? 0) > 0))
  const found: Found = { units: [], from: 'held-out documents of the generated world', leftOut: 0 }
  let document = 0
  for (const task of tasks) {
    const common = { encoder, domain: worldTextDomain(task) }
    // a task feeds more than one domain, and a domain has more than one task: half is enough of each
    for (let index = 0, read = 0; index < worldItems && read < tokens / 2; index++) {
      onProgress?.(document)
      const { parts } = worldDocument({ seed: request.seed, split: 'test', index: index + seed * worldItems, task })
      const unit = await mediaUnit(parts, { ...common, document: document++ }, { time, domains })
      if (unit) found.units.push(unit)
      else found.leftOut++
      read += unit?.ids.length ?? 0
    }
  }
  return found
}

/** Documents that end in a picture or sound to be made need codes for it. */
function canWrite(task: WorldTask, { options }: MediaEncoder): boolean {
  if (task === 'draw' || task === 'edit') return options.imageCodes !== undefined
  return task === 'play' || task === 'say' ? options.soundCodes !== undefined : true
}

async function fileUnits(
  flags: RoutingFlags,
  request: RunRequest,
  reader: UnitReader,
  domains: DomainNames,
): Promise<Found> {
  const { documents, from, mediaReader } = await readDocuments(flags, request)
  const found: Found = { units: [], from, leftOut: 0 }
  const ordered = documents.map((_, i) => documents[permute(i, documents.length, flags.seed + 1)])
  const byDomain = Map.groupBy(ordered, ({ domain }) => domain)
  let number = 0
  for (const [domain, named] of [...byDomain].sort(([a], [b]) => domainOrder(a) - domainOrder(b))) {
    // beyond `tokens` of one domain nothing would be chosen
    const most = Math.max(1, Math.ceil(flags.tokens / reader.time / Math.min(turns, named.length)))
    let read = 0
    for (const { document } of named) {
      if (read >= flags.tokens) break
      reader.onProgress?.(number)
      const units = await unitsOf(document, { ...reader, domain, number: number++, most, domains, mediaReader })
      if (units.length === 0) found.leftOut++
      for (const { ids } of units) read += ids.length
      found.units.push(...units)
    }
  }
  return found
}

async function unitsOf(
  document: CorpusDocument,
  options: UnitReader & {
    domain: string
    number: number
    most: number
    domains: DomainNames
    mediaReader: MediaReader
  },
): Promise<RoutingUnit[]> {
  const { tokenizer, encoder, time, domain, number, most, domains, mediaReader } = options
  if (!hasMedia(document)) {
    const from = { tokenizer, domain: domains.numberOf(domain), document: number }
    return textUnits(textOf(document), from, { time, most })
  }
  const parts = encoder === null ? null : await mediaReader.read(document)
  if (parts === null || encoder === null) return []
  const writes = parts.some((part) => 'target' in part && part.target === true && !('text' in part))
  if (writes && !encoder.options.imageCodes && !encoder.options.soundCodes) return []
  const unit = await mediaUnit(parts, { encoder, domain, document: number }, { time, domains })
  return unit === null ? [] : [unit]
}

async function readDocuments({ data }: RoutingFlags, request: RunRequest) {
  const documents: NamedDocument[] = []
  const open = async (paths: string[], name?: string) => {
    const corpus = await openCorpus({ paths, root: request.dataRoot, media: true })
    const { ledger } = corpus
    // what training held out, unless files are named
    const held = data === undefined && !needsMedia({}, corpus) ? splitDocuments(corpus.documents).validation : []
    const add = (document: CorpusDocument, read = document): void => {
      documents.push({ document: read, domain: name ?? documentDomain(document) })
    }
    if (held.length > 0) for (const { document, text } of held) add(document, { ...document, parts: [{ text }] })
    else for (const document of corpus.documents) add(document)
    return { ledger, held: held.length > 0 }
  }
  if (data === undefined) {
    const { ledger, held } = await open(request.data)
    const what = request.data.length > 0 ? 'the data of training' : 'the packages of training'
    return {
      documents,
      from: held ? `what was held out of ${what}` : what,
      mediaReader: new MediaReader({ ledger, rootOf }),
    }
  }
  let ledger
  for (const given of data) {
    const [name, path] = namedPath(given)
    ledger = (await open([path], name)).ledger
  }
  return { documents, from: data.join(', '), mediaReader: new MediaReader({ ledger: ledger!, rootOf }) }
}

/** `name=path` -> both; a path alone, or one that exists as it stands, has no name. */
export function namedPath(given: string): [name: string | undefined, path: string] {
  const match = /^([A-Za-z][\w-]*)=(.+)$/.exec(given)
  return match === null || existsSync(given) ? [undefined, given] : [match[1], match[2]]
}
