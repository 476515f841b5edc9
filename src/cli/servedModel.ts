// A run or a checkpoint folder as a model that a server offers: its engine in a thread, and here the tokenizer and what
// turns media into tokens.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { MediaEncoder } from '../data/index.ts'
import { type EngineOptions, startEngine, type ThreadedEngine } from '../inference/index.ts'
import {
  isMultimodalConfig,
  loadMediaTokenizers,
  mediaTokenizerFolder,
  parseMultimodalConfig,
  recoverFolder,
  type WeightKind,
} from '../model/index.ts'
import { drawerOf, grammarVocabulary, MediaReader, type ServedModel, type TemplateName } from '../serve/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { isRecord, PolluxError } from '../util/index.ts'
import { checkpointOf } from './evalRun.ts'
import { mediaCodesOf, mediaShapeOf } from './mediaModel.ts'
import { findRun, readJsonFile, readRun } from './runFolder.ts'

export interface ServedModelFlags {
  /** Name of a run, or a folder; default: the newest run. */
  model?: string
  /** Folder that holds the runs. */
  out: string
  template?: TemplateName
  /** How weights are kept. */
  weights: WeightKind
}

/** A model and the engine that is behind it, to be closed. */
export interface OpenedModel {
  model: ServedModel
  engine: ThreadedEngine
  folder: string
}

/** Loads it. @throws PolluxError that says what is missing */
export async function openServedModel(flags: ServedModelFlags, options: EngineOptions = {}): Promise<OpenedModel> {
  const { folder, id, world } = findFolder(flags)
  const path = join(folder, 'tokenizer.json')
  if (!existsSync(path)) {
    throw new PolluxError(`serve: ${folder} must hold a tokenizer.json, got none`, {
      hint: 'a served model needs its tokenizer beside it',
    })
  }
  const tokenizer = Tokenizer.load(path)
  const media = mediaOf(folder, tokenizer)
  const engine = await startEngine({
    folder,
    weights: flags.weights,
    options: { vocabulary: grammarVocabulary(tokenizer), ...options },
  })
  if (engine.vocabSize < tokenizer.vocabSize) {
    await engine.close()
    throw new PolluxError(
      `serve: ${folder}: tokenizer.json must have at most ${engine.vocabSize} tokens, got ${tokenizer.vocabSize}`,
    )
  }
  const template = flags.template ?? templateOf(folder, tokenizer, world)
  const model: ServedModel = {
    ...{ id, engine, tokenizer, template, ...media },
    description: `${describe[template]}, served from ${basename(folder) === 'checkpoint' ? `run ${id}` : 'a folder'}`,
    created: Math.floor(statSync(join(folder, 'config.json')).mtimeMs / 1000),
  }
  return { model, engine, folder }
}

const describe: Record<TemplateName, string> = {
  gemma: 'a model that chats',
  plain: 'a base model, which continues text',
  line: 'a base model, which answers in a line',
}

function findFolder({ model, out }: ServedModelFlags): { folder: string; id: string; world: boolean } {
  if (model !== undefined && existsSync(join(model, 'config.json'))) {
    recoverFolder(model)
    const folder = resolve(model)
    const run = basename(folder) === 'checkpoint' ? readRun(resolve(folder, '..')) : undefined
    return { folder, id: modelId(run?.name ?? basename(folder)), world: run?.record.request.world !== undefined }
  }
  const isRunFolder = model !== undefined && existsSync(join(model, 'run.json'))
  const run = isRunFolder ? readRun(resolve(model))! : findRun(out, model)
  return {
    folder: resolve(checkpointOf(run, out, 'serve')),
    id: modelId(run.name),
    world: run.record.request.world !== undefined,
  }
}

/** A name that can stand in an address. */
function modelId(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '-') || 'model'
}

/** How a conversation is written for a model: what its folder says, or what it was trained on. */
function templateOf(folder: string, tokenizer: Tokenizer, world: boolean): TemplateName {
  if (world) return 'line'
  const hasTurns = tokenizer.specialTokens.has('<|turn>') && tokenizer.specialTokens.has('<turn|>')
  if (!hasTurns) return 'plain'
  const texts = ['chat_template.jinja', 'tokenizer_config.json'].map((name) => join(folder, name))
  const says = texts.some((path) => existsSync(path) && readFileSync(path, 'utf8').includes('<|turn>'))
  return says ? 'gemma' : 'plain'
}

/** What reads and draws media; nothing for a model of text, or one with towers, of which only the text part is served. */
function mediaOf(folder: string, tokenizer: Tokenizer): Pick<ServedModel, 'media' | 'inputs' | 'drawer'> {
  const source = readJsonFile(join(folder, 'config.json'))
  if (!isRecord(source) || !isMultimodalConfig(source)) return {}
  const config = parseMultimodalConfig(source)
  if (config.model_type === 'gemma4') return {}
  const codesFolder = join(folder, mediaTokenizerFolder)
  const codes = existsSync(codesFolder) ? loadMediaTokenizers(codesFolder) : {}
  const encoder = new MediaEncoder({
    ...{ tokenizer, shape: mediaShapeOf(config) },
    imageCodes: mediaCodesOf(tokenizer, codes.image),
    soundCodes: mediaCodesOf(tokenizer, codes.audio),
  })
  const [sees, hears] = [config.vision_config !== null, config.audio_config !== null]
  return {
    media: new MediaReader(encoder, config.vision_config?.mm_posemb_size ?? 0),
    inputs: ['text', ...(sees ? (['image', 'video'] as const) : []), ...(hears ? (['audio'] as const) : [])],
    drawer: drawerOf(encoder, codes),
  }
}
