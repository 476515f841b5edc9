// Text from a checkpoint: loads model and tokenizer, yields the continuation piece by piece.
import { join } from 'node:path'
import { generate, generatePlainly, type SamplingOptions } from '../inference/index.ts'
import { type Decoder, loadModel, quantise, type WeightKind } from '../model/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { PolluxError, Rng } from '../util/index.ts'

/** A model that can write. */
export interface Writer {
  model: Decoder
  tokenizer: Tokenizer
}

/** How to continue a text. */
export interface WriteOptions extends SamplingOptions {
  prompt: string
  /** Most tokens to add. */
  tokens: number
  seed: number
  /** How keys and values are kept. Default 'bf16'. */
  kvDtype?: 'bf16' | 'int8'
  /** Told tokens of the prompt read, and in all. */
  onProgress?: (done: number, total: number) => void
}

/**
 * Loads a checkpoint folder.
 *
 * @param weights how weights are kept, for a model that only writes text. Default: f32, from which all else can be made
 * @throws an error that names the file at fault
 */
export function loadWriter(folder: string, weights?: WeightKind): Writer {
  const model = loadModel(folder)
  const tokenizer = Tokenizer.load(join(folder, 'tokenizer.json'))
  if (tokenizer.vocabSize !== model.config.vocab_size) {
    throw new PolluxError(
      `checkpoint: ${folder}: tokenizer.json must have ${model.config.vocab_size} tokens, got ${tokenizer.vocabSize}`,
      { hint: 'the folder mixes files of two models' },
    )
  }
  if (weights !== undefined) quantise(model, weights)
  return { model, tokenizer }
}

/** A piece of text, and how many tokens stand behind all pieces so far. */
export interface Piece {
  text: string
  tokens: number
}

/** Continues a prompt until `tokens` are drawn or the model ends the text. */
export async function* write({ model, tokenizer }: Writer, options: WriteOptions): AsyncGenerator<Piece> {
  const { prompt, tokens: maxTokens, seed, ...sampling } = options
  const ids = [tokenizer.bosId, ...tokenizer.encode(prompt)]
  const decoder = tokenizer.streamDecoder()
  const stopIds = [tokenizer.eosId]
  let tokens = 0
  // a text that outgrows the model loses its beginning, which a cache cannot forget
  const fits = ids.length + maxTokens - 1 <= model.config.max_position_embeddings
  const continued = fits ? generate : generatePlainly
  for await (const id of continued(model, ids, { ...sampling, maxTokens, stopIds, rng: new Rng(seed) })) {
    tokens++
    const text = decoder.push(id)
    if (text !== '') yield { text, tokens }
  }
  const rest = decoder.end()
  if (rest !== '') yield { text: rest, tokens }
}
