// The models that a server offers, and which of them a client means by a name.
import type { Engine } from '../../inference/index.ts'
import type { Tokenizer } from '../../tokenizer/index.ts'
import type { ModelCard } from '../chat.ts'
import { ServeError } from '../serveError.ts'
import type { Drawer } from './drawing.ts'
import type { MediaReader } from './mediaReader.ts'
import type { TemplateName } from './template.ts'

/** A model that can be asked. */
export interface ServedModel {
  /** [A-Za-z0-9._-]+ */
  id: string
  description: string
  /** Seconds since 1970 of the checkpoint. */
  created: number
  engine: Engine
  tokenizer: Tokenizer
  template: TemplateName
  /** Reads pictures, sound and video; default: text alone. */
  media?: MediaReader
  /** Which media. */
  inputs?: ModelCard['inputs']
  /** Draws pictures. */
  drawer?: Drawer
  /** Most tokens of an answer where nobody asked for fewer. Default 8192. */
  outputTokens?: number
}

/** Names that programs written for other services ask for: all mean the first model. */
const known = /^(gemini|gemma|gpt|chatgpt|o[1-9]|text-embedding|embedding|imagen|learnlm|claude)(-|$)/

/** The model of a name, 'models/' and 'tunedModels/' aside. @throws ServeError notFound */
export function findModel(models: readonly ServedModel[], name: string, aliases = true): ServedModel {
  const id = name.replace(/^(models|tunedModels)\//, '')
  const found =
    models.find((model) => model.id === id) ?? (aliases && (known.test(id) || id === 'default') ? models[0] : undefined)
  if (found) return found
  const names = models.map((model) => model.id).join(', ')
  throw new ServeError('notFound', `models/${id.slice(0, 100)} is not found. Models: ${names || 'none'}.`, {
    field: 'model',
  })
}

/** What is told of a model. */
export function cardOf({
  id,
  description,
  engine,
  inputs = ['text'],
  drawer,
  outputTokens = 8192,
  template,
  created,
}: ServedModel): ModelCard {
  return {
    ...{ id, description, inputs, created },
    inputTokens: engine.contextTokens,
    outputTokens: Math.min(outputTokens, engine.contextTokens),
    outputs: drawer ? ['text', 'image'] : ['text'],
    chats: template === 'gemma',
  }
}
