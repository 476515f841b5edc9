// Asking a model with media: prompts of parts in; text, pictures or sound out.
//
// Prompts are asked side by side, those of like length together. Text is greedy up to its newline. A picture is its opening
// token, then codes, each drawn from the range that its place has; a sound goes on until the model closes it.
import { type MediaEncoder, type MediaPart } from '../data/index.ts'
import { generateBatch, type Prompt } from '../inference/index.ts'
import { invertLogMel, type Picture, type Sound, unpatchify } from '../media/index.ts'
import type { MediaTokenizers, MultimodalModel } from '../model/index.ts'
import { PolluxError, Rng } from '../util/index.ts'

/** A model with what it needs to read and write media. */
export interface MediaAsker {
  model: MultimodalModel
  tokenizer: { encode(text: string): Int32Array | number[]; decode(ids: number[]): string }
  encoder: MediaEncoder
  codes: MediaTokenizers
}

export interface AskOptions {
  /** Most tokens of a text answer. Default 32. */
  maxTokens?: number
  /** Prompts side by side. Default 32. */
  batch?: number
  /** 0: the likeliest code. Default 0. */
  temperature?: number
  seed?: number
  onProgress?: (done: number, total: number) => void
}

/** Longest sound that is made, rows of 40 ms. */
const mostRows = 100

/** Text answers, up to their newline. */
export async function askText(asker: MediaAsker, prompts: MediaPart[][], options: AskOptions = {}): Promise<string[]> {
  const { maxTokens = 32 } = options
  const newline = [...asker.tokenizer.encode('\n')]
  const ids = await askAll(asker, prompts, options, {
    maxTokens,
    stopIds: [...newline, ...(asker.encoder.eosId === null ? [] : [asker.encoder.eosId])],
  })
  return ids.map((row) => asker.tokenizer.decode(row))
}

/** Pictures, square, of as many patches as the model reads in one. */
export async function askPictures(
  asker: MediaAsker,
  prompts: MediaPart[][],
  options: AskOptions = {},
): Promise<Picture[]> {
  const { imageCodes, shape } = asker.encoder.options
  const tokenizer = asker.codes.image
  if (!imageCodes || !tokenizer) throw new PolluxError('ask: a model must have image codes to draw, got none')
  const columns = Math.floor(Math.sqrt(shape.imageTokens))
  const { first, tokens, size } = imageCodes
  const open = asker.encoder.ids.imageOpen
  const ids = await askAll(asker, prompts, options, {
    maxTokens: 1 + columns * columns * tokens,
    allowed: (drawn) => (drawn.length === 0 ? [open, open + 1] : rangeOf(drawn.length - 1, { first, tokens, size })),
  })
  return ids.map((row) => {
    const values = Int32Array.from(row.slice(1), (id, i) => id - first - (i % tokens) * size)
    return unpatchify(tokenizer.decode(values), columns, columns, shape.patchSize)
  })
}

/** Sounds at 16 kHz. */
export async function askSounds(asker: MediaAsker, prompts: MediaPart[][], options: AskOptions = {}): Promise<Sound[]> {
  const { soundCodes, shape } = asker.encoder.options
  const tokenizer = asker.codes.audio
  if (!soundCodes || !tokenizer) throw new PolluxError('ask: a model must have audio codes to speak, got none')
  const { first, tokens, size } = soundCodes
  const { audioOpen, audioClose } = asker.encoder.ids
  const ids = await askAll(asker, prompts, options, {
    maxTokens: Math.min(1 + mostRows * tokens, asker.model.textConfig.max_position_embeddings / 2),
    stopIds: [audioClose],
    allowed: (drawn) => {
      if (drawn.length === 0) return [audioOpen, audioOpen + 1]
      // between two rows the model may close the sound
      return (drawn.length - 1) % tokens === 0 ? undefined : rangeOf(drawn.length - 1, { first, tokens, size })
    },
  })
  return ids.map((row) => {
    const values = row.slice(1).map((id, i) => id - first - (i % tokens) * size)
    const wrong = values.findIndex((value) => value < 0 || value >= size)
    const whole = Math.floor((wrong < 0 ? values.length : wrong) / tokens) * tokens
    return invertLogMel(tokenizer.decode(Int32Array.from(values.slice(0, whole))), { mels: shape.mels })
  })
}

function rangeOf(place: number, { first, tokens, size }: { first: number; tokens: number; size: number }) {
  const from = first + (place % tokens) * size
  return [from, from + size] as const
}

interface RowOptions {
  maxTokens: number
  stopIds?: number[]
  allowed?: (drawn: readonly number[]) => readonly [number, number] | undefined
}

async function askAll(
  { model, encoder }: MediaAsker,
  prompts: MediaPart[][],
  { batch = 32, temperature = 0, seed = 0, onProgress }: AskOptions,
  rowOptions: RowOptions,
): Promise<number[][]> {
  const encoded: { index: number; prompt: Prompt }[] = []
  for (const [index, parts] of prompts.entries()) {
    encoded.push({ index, prompt: await encoder.encode(parts, { prompt: true }) })
  }
  encoded.sort((a, b) => a.prompt.ids.length - b.prompt.ids.length)
  const answers: number[][] = prompts.map(() => [])
  const rng = new Rng(seed)
  for (let at = 0; at < encoded.length; at += batch) {
    const part = encoded.slice(at, at + batch)
    const rows = await generateBatch(
      model,
      part.map(({ prompt }) => prompt),
      { ...rowOptions, temperature, rng },
    )
    part.forEach(({ index }, i) => (answers[index] = rows[i]))
    onProgress?.(Math.min(encoded.length, at + batch), encoded.length)
  }
  return answers
}
