// The key-value cache against the plain forward pass, on the tiny golden model of every Gemma variant: windows, values that
// are keys, shared keys, per-layer inputs, image blocks, soft tokens of towers and embedders. A sequence read in chunks, and
// one read token by token, give the logits of the sequence read at once.
// Shapes: R rows, V vocabulary, D width.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { KvCache, type KvCacheOptions, past } from '../../src/inference/index.ts'
import { Decoder, loadModel, loadMultimodal, readSafetensors } from '../../src/model/index.ts'
import { fromArray, memoryScope } from '../../src/tensor/index.ts'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const variants = readdirSync(here('./gemma'))
const multimodal = readdirSync(here('./multimodal'))

/** One sequence, with what stands in place of placeholders. */
interface Sequence {
  ids: Int32Array
  blockEnd?: Int32Array
  soft?: { row: number; value: Float32Array }[]
}

type Compute = 'f32' | 'bf16'

/** Logits of places `from` to `to`, behind a cache where one is given. */
function logits(
  model: Decoder,
  sequence: Sequence,
  [from, to]: readonly [number, number],
  compute: Compute,
  cache?: KvCache,
): Float32Array {
  using _scope = memoryScope()
  const own = (sequence.soft ?? []).filter(({ row }) => row >= from && row < to)
  const values = Float32Array.from(own.flatMap(({ value }) => [...value]))
  const soft = { rows: Int32Array.from(own, ({ row }) => row - from), values: fromArray(values, [own.length, model.config.hidden_size]) }
  const input = {
    ...{ ids: sequence.ids.slice(from, to), batch: 1, time: to - from },
    blockEnd: sequence.blockEnd?.slice(from, to).map((end) => end - from),
    soft: own.length > 0 ? [soft] : undefined,
    past: cache && past([cache]),
  }
  return model.logits(model.forward(input, { compute }).hidden)
}

/** The logits of all places, read `size` tokens at a time; a block of an image is never cut. */
function inChunks(
  model: Decoder,
  sequence: Sequence,
  size: number,
  { compute, ...options }: { compute: Compute } & KvCacheOptions,
): Float32Array {
  using cache = new KvCache(model.config, options)
  const parts: Float32Array[] = []
  for (let from = 0; from < sequence.ids.length;) {
    let to = Math.min(from + size, sequence.ids.length)
    while (to < sequence.ids.length && (sequence.blockEnd?.[to - 1] ?? 0) >= to) to++
    parts.push(logits(model, sequence, [from, to], compute, cache))
    from = to
  }
  expect(cache.length).toBe(sequence.ids.length)
  return Float32Array.from(parts.flatMap((part) => [...part]))
}

function differences(a: Float32Array, b: Float32Array): { largest: number; mean: number } {
  expect(a.length).toBe(b.length)
  const apart = a.map((value, i) => Math.abs(value - b[i]))
  return { largest: Math.max(...apart), mean: apart.reduce((sum, x) => sum + x, 0) / apart.length }
}

function compare(model: Decoder, sequence: Sequence): void {
  const all = [0, sequence.ids.length] as const
  const exact = logits(model, sequence, all, 'f32')
  for (const size of [1, 5, 7, 1000]) {
    const { largest } = differences(inChunks(model, sequence, size, { compute: 'f32', dtype: 'f32' }), exact)
    expect(largest).toBeLessThan(4e-5)
  }
  // no further from the exact logits than the plain pass in bf16 is; int8 has as many bits, but not for each number
  const smooth = withAllExperts(model)
  const target = logits(smooth, sequence, all, 'f32')
  const rounding = differences(logits(smooth, sequence, all, 'bf16'), target).mean
  const factors = { bf16: 1.5, int8: 3 } as const
  for (const dtype of ['bf16', 'int8'] as const) {
    for (const size of [1, 7]) {
      const got = inChunks(smooth, sequence, size, { compute: 'bf16', dtype })
      expect(differences(got, target).mean).toBeLessThan(factors[dtype] * rounding)
    }
  }
}

/** The model with every expert active: where a choice hangs on the last bit, rounding would decide about whole rows. */
function withAllExperts(model: Decoder): Decoder {
  if (!model.config.enable_moe_block) return model
  const smooth = new Decoder({ ...model.config, top_k_experts: model.config.num_experts })
  smooth.weights.forEach(({ parameter }, i) => {
    parameter.data.set(model.weights[i].parameter.data)
    parameter.touch()
  })
  smooth.blocks.forEach((block, i) => (block.layerScalar = model.blocks[i].layerScalar))
  return smooth
}

function textSequence(variant: string, row: number, blocks: boolean): Sequence | undefined {
  const { tensors } = readSafetensors(join(here('./gemma'), variant, 'golden.safetensors'))
  const time = tensors.get('ids')!.shape[1]
  const part = (name: string) => (tensors.get(name)?.data as Int32Array | undefined)?.slice(row * time, (row + 1) * time)
  const blockEnd = part('block_end')
  if (blocks && !blockEnd) return undefined
  return { ids: part('ids')!, blockEnd: blocks ? blockEnd : undefined }
}

describe.each(variants)('the %s variant', (variant) => {
  const model = loadModel(join(here('./gemma'), variant))
  const blocks = textSequence(variant, 0, true)

  test('gives the same logits in chunks, and token by token', () => {
    compare(model, textSequence(variant, 0, false)!)
  })

  test.skipIf(blocks === undefined)('gives the same logits with image blocks, each in one chunk', () => {
    compare(model, blocks!)
  })

  test('takes sequences of different lengths side by side', () => {
    const sequences = [textSequence(variant, 0, false)!, textSequence(variant, 1, false)!]
    const lengths = [11, 4]
    const caches = sequences.map(() => new KvCache(model.config, { dtype: 'f32' }))
    sequences.forEach((sequence, i) => logits(model, sequence, [0, lengths[i]], 'f32', caches[i]))
    const ids = Int32Array.from(sequences.flatMap((sequence, i) => [...sequence.ids.slice(lengths[i], lengths[i] + 3)]))
    using _scope = memoryScope()
    const together = model.logits(
      model.forward({ ids, batch: 2, time: 3, past: past(caches) }, { compute: 'f32' }).hidden,
    )
    const alone = sequences.flatMap((sequence, i) => {
      const whole = logits(model, sequence, [0, lengths[i] + 3], 'f32')
      return [...whole.slice(-3 * model.config.vocab_size)]
    })
    expect(differences(together, Float32Array.from(alone)).largest).toBeLessThan(4e-5)
    for (const cache of caches) cache.release()
  })
})

test.each(multimodal)('the %s model gives the same logits with pictures and sounds among the chunks', (variant) => {
  const model = loadMultimodal(join(here('./multimodal'), variant))
  const { tensors } = readSafetensors(join(here('./multimodal'), variant, 'golden.safetensors'))
  const [time, width] = [tensors.get('ids')!.shape[1], model.textConfig.hidden_size]
  const ids = tensors.get('ids')!.data as Int32Array
  const { image_token_id, video_token_id, audio_token_id } = model.config
  const soft = (name: string, wanted: (number | null)[]) => {
    const values = tensors.get(name)?.data as Float32Array | undefined
    const rows = [...ids.keys()].filter((row) => wanted.includes(ids[row]))
    return values ? rows.map((row, i) => ({ row, value: values.slice(i * width, (i + 1) * width) })) : []
  }
  const all = [...soft('soft_images', [image_token_id, video_token_id]), ...soft('soft_sounds', [audio_token_id])]
  const first = all.filter(({ row }) => row < time).sort((a, b) => a.row - b.row)
  expect(first.length).toBeGreaterThan(0)
  const blockEnd = (tensors.get('block_end')?.data as Int32Array | undefined)?.slice(0, time)
  compare(model.text, { ids: ids.slice(0, time), blockEnd, soft: first })
})
