// Continuing many prompts side by side, with pictures and sound in them: ids in, ids out.
//
// Every step computes all rows again (generate.ts says why that is the reference); rows are padded at their end, where
// nothing looks. A row ends at a stop token or at its most tokens, and the batch when all have.
import type { Model, MultimodalInput } from '../model/index.ts'
import { memoryScope } from '../tensor/index.ts'
import { takeRows } from '../ops/index.ts'
import { PolluxError, type Rng } from '../util/index.ts'
import { type SamplingOptions, sampleToken } from './sampling.ts'

/** Soft tokens of a prompt: `count` placeholders from place `start` on, with their features [count, F]. */
export interface SoftSpan {
  start: number
  count: number
  features: Float32Array
  /** Pictures: [count, 2] x, y. */
  positions?: Int32Array
}

export interface Prompt {
  /** At least one id; placeholders included. */
  ids: Int32Array
  /** Last place of the image block that each place belongs to; default none. */
  blockEnd?: Int32Array
  pictures?: SoftSpan[]
  sounds?: SoftSpan[]
}

export interface BatchGenerateOptions extends SamplingOptions {
  /** Most tokens to add to each. */
  maxTokens: number
  /** Tokens that end a row; the one drawn is not returned. */
  stopIds?: Iterable<number>
  rng: Rng
  /** Ids that may follow what a row has so far [from, to); default all. Called with the new ids of the row. */
  allowed?: (drawn: readonly number[]) => readonly [from: number, to: number] | undefined
  /** Default 'bf16'. */
  compute?: 'bf16' | 'f32'
}

/**
 * New ids of each prompt.
 *
 * @throws PolluxError when a prompt and its answer do not fit max_position_embeddings
 */
export async function generateBatch(
  model: Model,
  prompts: Prompt[],
  options: BatchGenerateOptions,
): Promise<number[][]> {
  const limit = model.textConfig.max_position_embeddings
  const longest = Math.max(0, ...prompts.map(({ ids }) => ids.length))
  if (longest + options.maxTokens - 1 > limit) {
    throw new PolluxError(
      `generate: context must be at most ${limit} tokens (max_position_embeddings), got ${longest} and ${options.maxTokens} to come`,
    )
  }
  const stop = new Set(options.stopIds)
  const drawn: number[][] = prompts.map(() => [])
  let open = prompts.map((_, i) => i).filter((i) => prompts[i].ids.length > 0)
  for (let step = 0; step < options.maxTokens && open.length > 0; step++) {
    const logits = nextLogits(
      model,
      open.map((i) => [prompts[i], drawn[i]]),
      options.compute ?? 'bf16',
    )
    const vocab = model.textConfig.vocab_size
    open = open.filter((i, row) => {
      const next = draw(logits.subarray(row * vocab, (row + 1) * vocab), drawn[i], options)
      if (stop.has(next)) return false
      drawn[i].push(next)
      return true
    })
    await new Promise((resolve) => setImmediate(resolve))
  }
  return drawn
}

function draw(logits: Float32Array, drawn: readonly number[], options: BatchGenerateOptions): number {
  const range = options.allowed?.(drawn)
  const [from, to] = range ?? [0, logits.length]
  return from + sampleToken(logits.subarray(from, to), options, options.rng)
}

/** Logits [rows, V] of the token after each row. */
function nextLogits(
  model: Model,
  rows: (readonly [Prompt, readonly number[]])[],
  compute: 'bf16' | 'f32',
): Float32Array {
  using _scope = memoryScope()
  const time = Math.max(...rows.map(([{ ids }, drawn]) => ids.length + drawn.length))
  const input = joinRows(rows, time)
  const { hidden } = model.forward(input, { compute })
  const last = Int32Array.from(rows, ([{ ids }, drawn], row) => row * time + ids.length + drawn.length - 1)
  return model.logits(takeRows(hidden, last))
}

function joinRows(rows: (readonly [Prompt, readonly number[]])[], time: number): MultimodalInput {
  const ids = new Int32Array(rows.length * time)
  const blockEnd = Int32Array.from(ids, (_, row) => row % time)
  rows.forEach(([prompt, drawn], row) => {
    ids.set(prompt.ids, row * time)
    ids.set(drawn, row * time + prompt.ids.length)
    if (prompt.blockEnd) blockEnd.set(prompt.blockEnd, row * time)
  })
  const spans = (kind: 'pictures' | 'sounds') =>
    rows.flatMap(([prompt], row) => (prompt[kind] ?? []).map((span) => ({ ...span, start: row * time + span.start })))
  const [pictures, sounds] = [spans('pictures'), spans('sounds')]
  return {
    ...{ ids, blockEnd, batch: rows.length, time },
    ...(pictures.length > 0 ? { pictures: { ...joinSpans(pictures), positions: joinPositions(pictures) } } : {}),
    ...(sounds.length > 0 ? { sounds: joinSpans(sounds) } : {}),
  }
}

function joinSpans(spans: SoftSpan[]): { rows: Int32Array; features: Float32Array } {
  const features = new Float32Array(spans.reduce((sum, span) => sum + span.features.length, 0))
  const rows: number[] = []
  let at = 0
  for (const span of spans) {
    features.set(span.features, at)
    at += span.features.length
    for (let i = 0; i < span.count; i++) rows.push(span.start + i)
  }
  return { rows: Int32Array.from(rows), features }
}

function joinPositions(spans: SoftSpan[]): Int32Array {
  return Int32Array.from(spans.flatMap(({ positions, count }) => [...(positions ?? new Int32Array(2 * count))]))
}
