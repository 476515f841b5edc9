// The stages before the first step: read the corpus, train (or load) the tokenizer, turn text into tokens.
import { join } from 'node:path'
import {
  type Corpus,
  openCorpus,
  type PreparedData,
  prepareData,
  sampleTexts,
  type Split,
  splitDocuments,
} from '../data/index.ts'
import {
  loadModel,
  type Model,
  type ModelConfig,
  type MultimodalConfig,
  parseConfig,
  upcycle,
  withRouting,
} from '../model/index.ts'
import type { BatchSource } from '../train/index.ts'
import { Tokenizer, trainTokenizer } from '../tokenizer/index.ts'
import { PolluxError, Rng } from '../util/index.ts'
import { bytes, count, short } from './format.ts'
import { lengthened, longLoader } from './prepareLong.ts'
import { needsMedia, prepareMedia } from './prepareMedia.ts'
import { readJsonFile, runPaths, type RunRequest } from './runFolder.ts'
import { startStage } from './progress.ts'
import { printable, type Terminal } from './terminal.ts'
import type { TrainPlan } from './trainPlan.ts'

/** Text that a tokenizer is trained on at most, spread over the corpus: more changes its merges little. */
const tokenizerBytes = 64 * 2 ** 20

/** All that training needs. */
export interface Prepared {
  /** Null for the generated world. */
  corpus: Corpus | null
  /** Null where documents hold media. */
  split: Split | null
  /** Token streams of the split. */
  streams: Pick<PreparedData, 'train' | 'heldOut'> | null
  tokenizer: Tokenizer
  loader: BatchSource
  validation?: () => BatchSource
  config: ModelConfig | MultimodalConfig
  /** The model that training begins with, where it is not a new one. */
  initial?: Model
  saveBeside?: (folder: string) => void
}

/** Runs the stages, showing each. */
export async function prepareRun(plan: TrainPlan, terminal: Terminal): Promise<Prepared> {
  const { request } = plan.run.record
  const corpus = request.world === undefined ? await readCorpus(request, terminal) : null
  if (corpus === null || needsMedia(request, corpus)) {
    if (request.upcycle !== undefined) throw new PolluxError('train: --upcycle must have documents of text alone')
    return { corpus, split: null, streams: null, ...(await prepareMedia(plan, corpus, terminal)) }
  }
  const split = splitDocuments(corpus.documents)
  const { checkpoint } = runPaths(plan.run.folder)
  const before = plan.resume ? checkpoint : (request.lengthen?.checkpoint ?? request.upcycle)
  const tokenizer =
    before === undefined
      ? await makeTokenizer(split, request.vocab, terminal)
      : Tokenizer.load(join(before, 'tokenizer.json'))
  const data = await tokenise(split, tokenizer, { ...request, time: request.context }, terminal)
  const { validation, train, heldOut } = data
  const loader = request.lengthen ? longLoader(data, tokenizer, request, request.lengthen) : data.loader
  const common = { corpus, split, streams: { train, heldOut }, tokenizer, loader, validation }
  if (plan.resume) return { ...common, config: parseConfig(readJsonFile(join(checkpoint, 'config.json'))) }
  if (request.upcycle !== undefined) return { ...common, ...upcycled(request) }
  const fresh = { ...common, config: configFor(plan, tokenizer) }
  return request.lengthen ? { ...fresh, ...lengthened(request, request.lengthen) } : fresh
}

async function readCorpus({ data, dataRoot }: RunRequest, terminal: Terminal): Promise<Corpus> {
  const stage = startStage(terminal, 'reading corpus')
  const corpus = await openCorpus({ paths: data, root: dataRoot, media: true })
  const { documents, ledger, truncated } = corpus
  const packages = new Set(documents.map(({ provenance }) => provenance.package).filter((name) => name !== undefined))
  const from = packages.size > 0 ? ` from ${count(packages.size)} packages` : ''
  stage.done(`${documentCount(corpus)}${from}, ${bytes(corpus.bytes)}`)
  const warn = (text: string) => terminal.line(terminal.paint('yellow', `  ${text}`))
  if (truncated) warn('the corpus is larger than what fits; its beginning is used')
  if (ledger.rejectedCount > 0) {
    const [{ path, reason }] = ledger.rejected
    warn(`${count(ledger.rejectedCount)} could not be read, the first: ${printable(`${path}: ${reason}`)}`)
  }
  return corpus
}

/** Trains a tokenizer on the text of a split, showing how far it is. */
export async function makeTokenizer(split: Split, vocabSize: number, terminal: Terminal): Promise<Tokenizer> {
  const stage = startStage(terminal, 'training tokenizer')
  let seen = 0
  async function* texts(): AsyncGenerator<string> {
    let lastPause = performance.now()
    for (const text of sampleTexts(split.train, tokenizerBytes)) {
      yield text
      seen += text.length
      if (performance.now() - lastPause < 100) continue
      stage.update(`${short(seen)} characters`)
      await new Promise((resume) => setImmediate(resume))
      lastPause = performance.now()
    }
  }
  const tokenizer = await trainTokenizer(texts(), { vocabSize })
  stage.done(`${count(tokenizer.vocabSize)} tokens`)
  return tokenizer
}

/** Turns a split into streams of tokens and their loaders. */
export async function tokenise(
  split: Split,
  tokenizer: Tokenizer,
  { batch, time, seed }: { batch: number; time: number; seed: number },
  terminal: Terminal,
): Promise<PreparedData> {
  const stage = startStage(terminal, 'tokenising')
  const onProgress = (done: number) => stage.update(`${Math.round(done * 100)}%`)
  const data = await prepareData(split, tokenizer, { batch, time, seed, onProgress })
  const held = data.validation === undefined ? 'none held out' : `${short(data.heldOut.tokens.length)} held out`
  stage.done(`${short(data.train.tokens.length)} tokens, ${held}`)
  return data
}

/** The dense run's model with its MLP in every expert. */
function upcycled({ upcycle: folder, routing = '', seed, context }: RunRequest): Pick<Prepared, 'initial' | 'config'> {
  const dense = loadModel(folder!)
  const limit = dense.config.max_position_embeddings
  if (context > limit) {
    throw new PolluxError(`train: --context must be at most the dense run's ${limit} with --upcycle, got ${context}`)
  }
  const initial = upcycle(dense, routing, { rng: new Rng(seed) })
  return { initial, config: initial.config }
}

/** The preset's config, fitted to the tokenizer that came out and the length of sequences. */
function configFor({ preset, run }: TrainPlan, tokenizer: Tokenizer): ModelConfig {
  const fitted = parseConfig({
    ...preset.config,
    vocab_size: tokenizer.vocabSize,
    // sampling must not look back past positions that were trained
    max_position_embeddings: run.record.request.context,
    bos_token_id: tokenizer.bosId,
    eos_token_id: tokenizer.eosId,
    pad_token_id: tokenizer.padId,
  })
  return withRouting(fitted, run.record.request.routing ?? '')
}

/** `1 document`, `4,225 documents`. */
export function documentCount({ documents }: Pick<Corpus, 'documents'>): string {
  return `${count(documents.length)} ${documents.length === 1 ? 'document' : 'documents'}`
}
