// The stages before the first step of a run with pictures and sound: documents, tokenizer, media tokenizers, batches.
//
// Documents come from the generated world (--world) or from rows of `parts` (--data). Where something is to be drawn or
// spoken, media tokenizers are needed: those of --media-tokenizer, or new ones, trained here in half a minute each.
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import {
  type Corpus,
  type CorpusDocument,
  hasMedia,
  MediaEncoder,
  mediaFileSource,
  MediaLoader,
  type MediaSource,
  permute,
  textOf,
  worldDocument,
  worldFingerprint,
  worldMixture,
} from '../data/index.ts'
import {
  loadMediaTokenizers,
  mediaTokenizerFolder,
  type MediaTokenizers,
  type MultimodalConfig,
  multimodalPreset,
  parseMultimodalConfig,
  saveMediaTokenizers,
} from '../model/index.ts'
import type { BatchSource } from '../train/index.ts'
import { DEFAULT_SPECIAL_TOKENS, Tokenizer, trainTokenizer } from '../tokenizer/index.ts'
import { PolluxError } from '../util/index.ts'
import { count } from './format.ts'
import { codeTokenNames, mediaCodesOf, mediaShapeOf } from './mediaModel.ts'
import { startStage } from './progress.ts'
import { readJsonFile, runPaths, type RunRequest } from './runFolder.ts'
import type { Terminal } from './terminal.ts'
import type { TrainPlan } from './trainPlan.ts'
import { trainWorldTokenizers } from './worldTokenizers.ts'

/** All that training with media needs. */
export interface PreparedMedia {
  tokenizer: Tokenizer
  config: MultimodalConfig
  loader: BatchSource
  validation?: () => BatchSource
  /** Writes the media tokenizers into a checkpoint's folder. */
  saveBeside: (folder: string) => void
}

/** Documents of the world whose text the tokenizer learns from: enough to meet every word often. */
const tokenizerDocuments = 4000
/** Words of the world and of labels are few. */
const mostMerges = 700
/** Where the validation's documents begin: far from those that evals ask about. */
const validationFrom = 1_000_000
/** Share of documents from files that are held out for validation. */
const heldShare = 0.05

/** Is this a run with media: of the world, or over documents that hold some? */
export function needsMedia({ world }: Pick<RunRequest, 'world'>, corpus: Corpus | null): boolean {
  return world !== undefined || (corpus?.documents.some(hasMedia) ?? false)
}

/** Runs the stages, showing each. */
export async function prepareMedia(plan: TrainPlan, corpus: Corpus | null, terminal: Terminal): Promise<PreparedMedia> {
  const { request } = plan.run.record
  const { checkpoint } = runPaths(plan.run.folder)
  const sources = corpus === null ? worldSources(request) : fileSources(corpus, request)
  const codes = plan.resume
    ? loadIfThere(join(checkpoint, mediaTokenizerFolder))
    : await mediaTokenizers(request, corpus, terminal)
  const tokenizer = plan.resume
    ? Tokenizer.load(join(checkpoint, 'tokenizer.json'))
    : await makeTokenizer(sources.texts(), codes, terminal)
  const config = plan.resume
    ? parseMultimodalConfig(readJsonFile(join(checkpoint, 'config.json')))
    : multimodalPreset(plan.preset, tokenizer, request)
  const encoder = new MediaEncoder({
    tokenizer,
    shape: mediaShapeOf(config),
    imageCodes: mediaCodesOf(tokenizer, codes.image),
    soundCodes: mediaCodesOf(tokenizer, codes.audio),
  })
  const shape = { batch: request.batch, time: request.context }
  const { validation } = sources
  return {
    tokenizer,
    config,
    loader: new MediaLoader(sources.train, encoder, shape),
    ...(validation
      ? { validation: () => new MediaLoader(validation, encoder, { ...shape, from: sources.validationFrom }) }
      : {}),
    saveBeside: (folder) => {
      if (codes.image ?? codes.audio) saveMediaTokenizers(join(folder, mediaTokenizerFolder), codes)
    },
  }
}

interface Sources {
  train: MediaSource
  validation?: MediaSource
  validationFrom: number
  texts: () => Iterable<string>
}

function worldSources({ seed, world }: RunRequest): Sources {
  const mixture = world?.mixture
  const source = (split: 'train' | 'test'): MediaSource => ({
    fingerprint: `${worldFingerprint(seed, mixture)} ${split}`,
    document: (index) => worldDocument({ seed, split, index, mixture }).parts,
  })
  return {
    train: source('train'),
    validation: source('test'),
    validationFrom,
    *texts() {
      for (let index = 0; index < tokenizerDocuments; index++) {
        const { parts } = worldDocument({ seed, split: 'train', index, mixture })
        yield parts.map((part) => ('text' in part ? part.text : '')).join('')
      }
    },
  }
}

function fileSources({ documents, ledger }: Corpus, { seed, augment }: RunRequest): Sources {
  const held = documents.length < 40 ? 0 : Math.round(documents.length * heldShare)
  const order = documents.map((_, i) => documents[permute(i, documents.length, seed + 1)])
  const [validation, train] = [order.slice(0, held), order.slice(held)]
  const common = { ledger, rootOf, seed }
  const vary = augment ? { augment: { picture: { ...augment.picture }, sound: {} } } : {}
  return {
    train: mediaFileSource(train, { ...common, ...vary }),
    ...(held > 0 ? { validation: mediaFileSource(validation, common) } : {}),
    validationFrom: 0,
    texts: () => train.map((document) => textOf(document)),
  }
}

/** Paths in a row are relative to the file that the row is in. */
export function rootOf({ provenance: { source, path } }: CorpusDocument): string {
  const file = resolve(source)
  return dirname(file.endsWith(path) ? file : join(file, path))
}

async function mediaTokenizers(
  request: RunRequest,
  corpus: Corpus | null,
  terminal: Terminal,
): Promise<MediaTokenizers> {
  if (request.mediaTokenizer !== undefined) return loadMediaTokenizers(request.mediaTokenizer)
  if (corpus === null) {
    const { patch = 12 } = request
    const mixture = request.world?.mixture ?? worldMixture
    return trainWorldTokenizers({ seed: request.seed, patch, mels: 64, mixture }, terminal)
  }
  const wanted = corpus.documents.some(({ parts }) => parts.some((part) => !('text' in part) && part.target === true))
  if (!wanted) return {}
  throw new PolluxError('train: parts with "target": true must have a media tokenizer, got none', {
    hint: 'npx pollux media-tokenizer --data ... trains one; then --media-tokenizer FOLDER',
  })
}

function loadIfThere(folder: string): MediaTokenizers {
  return existsSync(folder) ? loadMediaTokenizers(folder) : {}
}

async function makeTokenizer(texts: Iterable<string>, codes: MediaTokenizers, terminal: Terminal): Promise<Tokenizer> {
  const stage = startStage(terminal, 'training tokenizer')
  const codeNames = [codes.image, codes.audio].flatMap((each) => (each ? codeTokenNames(each) : []))
  const specialTokens = [...DEFAULT_SPECIAL_TOKENS, ...codeNames]
  const vocabSize = specialTokens.length + 256 + mostMerges
  const tokenizer = await trainTokenizer(texts, { vocabSize, specialTokens })
  stage.done(`${count(tokenizer.vocabSize)} tokens, ${count(codeNames.length)} of them codes of media`)
  return tokenizer
}
