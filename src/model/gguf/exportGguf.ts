// A model and its tokenizer as one GGUF file, for llama.cpp and what is built on it.
import type { Tokenizer } from '../../tokenizer/index.ts'
import type { Decoder } from '../decoder.ts'
import { architectureKeys, fileTypes, ggufArchitecture } from './architecture.ts'
import type { GgufValue, StorableType } from './format.ts'
import { ggufTensors } from './tensors.ts'
import { vocabularyKeys } from './vocabulary.ts'
import { writeGguf } from './writer.ts'

export interface GgufOptions {
  /** How matrices are stored. Default 'f16'. */
  type?: StorableType
  /** Told to people. Default 'pollux'. */
  name?: string
  /** Left out: a file of weights alone, for a vocabulary of someone else's. */
  tokenizer?: Tokenizer
  /** Jinja text of the chat format. */
  chatTemplate?: string
  /** Told bytes written and in all. */
  onProgress?: (done: number, total: number) => void
}

/**
 * Writes the text model to a file; media towers stay behind.
 *
 * @throws GgufError naming what GGUF or llama.cpp has no place for; an old file is then untouched
 */
export function exportGguf(model: Decoder, path: string, options: GgufOptions = {}): void {
  const { type = 'f16', name = 'pollux', tokenizer, chatTemplate, onProgress } = options
  const { config } = model
  const keys = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: ggufArchitecture(config) }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: name }],
    ['general.file_type', { type: 'u32', value: fileTypes[type] }],
    ['general.quantization_version', { type: 'u32', value: 2 }],
    ...architectureKeys(config),
    ...(tokenizer ? vocabularyKeys(tokenizer, config, chatTemplate) : noVocabulary(config.vocab_size)),
  ])
  writeGguf(path, { keys, tensors: ggufTensors(model, type) }, onProgress)
}

function noVocabulary(size: number): Map<string, GgufValue> {
  return new Map([
    ['tokenizer.ggml.model', { type: 'string', value: 'none' }],
    [
      'tokenizer.ggml.tokens',
      { type: 'array', of: 'string', value: Array.from({ length: size }, (_, id) => `<${id}>`) },
    ],
  ])
}
