// Parity with transformers: tiny models of each Gemma variant with random weights (scripts/golden/gemma_text.py), loaded
// from the files that transformers wrote, give its logits in f32. Sequences are longer than the sliding window.
// Shapes: R rows, V vocabulary.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { type Decoder, loadModel, readSafetensors, saveModel, writeSafetensors } from '../../src/model/index.ts'
import { fromArray, memoryScope } from '../../src/tensor/index.ts'

const folder = fileURLToPath(new URL('./gemma', import.meta.url))
const variants = readdirSync(folder)
const root = mkdtempSync(join(tmpdir(), 'pollux-gemma-'))
afterAll(() => rmSync(root, { recursive: true }))

/** f32 rounding of logits up to 6, after up to 7 layers of sharp attention: 3e-5 at most was seen. */
const allowed = 8e-5

function golden(variant: string) {
  const { tensors } = readSafetensors(join(folder, variant, 'golden.safetensors'))
  const [batch, time] = tensors.get('ids')!.shape
  return {
    shape: { batch, time },
    ids: tensors.get('ids')!.data as Int32Array,
    logits: tensors.get('logits')!.data as Float32Array,
    blockEnd: tensors.get('block_end')?.data as Int32Array | undefined,
    logitsOfBlocks: tensors.get('logits_blocks')?.data as Float32Array | undefined,
  }
}

function logits(model: Decoder, input: Parameters<Decoder['forward']>[0]): Float32Array {
  using _scope = memoryScope()
  return model.logits(model.forward(input, { compute: 'f32' }).hidden)
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)
}

test('there is a golden model of every variant', () => {
  expect(variants).toEqual(['dense-31b', 'e2b', 'e4b', 'gemma3', 'moe-26b', 'unified-12b'])
})

describe.each(variants)('the %s variant', (variant) => {
  const { shape, ids, logits: expected, blockEnd, logitsOfBlocks } = golden(variant)

  test('gives the logits of transformers', () => {
    const model = loadModel(join(folder, variant))
    expect(largestDifference(logits(model, { ids, ...shape }), expected)).toBeLessThan(allowed)
  })

  test.skipIf(logitsOfBlocks === undefined)('lets image blocks see both ways in sliding layers only', () => {
    const model = loadModel(join(folder, variant))
    const blocks = logits(model, { ids, ...shape, blockEnd })
    expect(largestDifference(blocks, logitsOfBlocks!)).toBeLessThan(allowed)
    // the blocks matter: otherwise this would say nothing
    expect(largestDifference(blocks, expected)).toBeGreaterThan(0.1)
  })

  test('gives the same logits once saved in shards and loaded again', () => {
    const saved = join(root, variant)
    mkdirSync(saved)
    saveModel(saved, loadModel(join(folder, variant)), { dtype: 'f32', maxShardBytes: 60_000 })
    expect(readdirSync(saved).filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(2)
    const model = loadModel(saved)
    expect(largestDifference(logits(model, { ids, ...shape }), expected)).toBeLessThan(allowed)
  })

  test('is found inside a checkpoint with media towers, under its other prefix', () => {
    const nested = join(root, `${variant}-nested`)
    cpSync(join(folder, variant), nested, { recursive: true })
    const text = JSON.parse(readFileSync(join(nested, 'config.json'), 'utf8')) as Record<string, unknown>
    const whole = { model_type: String(text.model_type).replace('_text', ''), text_config: text, vision_config: {} }
    writeFileSync(join(nested, 'config.json'), JSON.stringify(whole))
    const { tensors } = readSafetensors(join(folder, variant, 'model.safetensors'))
    const renamed = new Map(
      tensors.entries().map(([name, tensor]) => [name.replace(/^model\./, 'model.language_model.'), tensor]),
    )
    renamed.set('model.vision_tower.std_bias', { dtype: 'F32', shape: [1], data: new Float32Array(1) })
    writeSafetensors(join(nested, 'model.safetensors'), renamed)
    expect(largestDifference(logits(loadModel(nested), { ids, ...shape }), expected)).toBeLessThan(allowed)
  })
})

test('soft tokens enter per-layer inputs through the embedding, and their rows of the table are that of padding', () => {
  const { tensors } = readSafetensors(join(folder, 'e4b/golden.safetensors'))
  const { shape, ids, logits: expected } = golden('e4b')
  const rows = tensors.get('soft_rows')!.data as Int32Array
  const { data, shape: softShape } = tensors.get('soft')!
  using _scope = memoryScope()
  const values = fromArray(data as Float32Array, softShape)
  const model = loadModel(join(folder, 'e4b'))
  const found = logits(model, { ids, ...shape, soft: [{ rows, values }] })
  expect(largestDifference(found, tensors.get('logits_soft')!.data as Float32Array)).toBeLessThan(allowed)
  expect(largestDifference(found, expected)).toBeGreaterThan(0.1)
  // what id a placeholder has makes no difference
  const other = ids.slice()
  for (const row of rows) other[row] = 100
  expect(logits(model, { ids: other, ...shape, soft: [{ rows, values }] })).toEqual(found)
})

test('keys and values that a file holds for layers which share them are passed over', () => {
  const extra = join(root, 'extra')
  cpSync(join(folder, 'e2b'), extra, { recursive: true })
  const { tensors } = readSafetensors(join(extra, 'model.safetensors'))
  for (const part of ['k_proj', 'v_proj', 'k_norm']) {
    tensors.set(`model.layers.5.self_attn.${part}.weight`, { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) })
  }
  writeSafetensors(join(extra, 'model.safetensors'), tensors)
  const { ids, shape, logits: expected } = golden('e2b')
  expect(largestDifference(logits(loadModel(extra), { ids, ...shape }), expected)).toBeLessThan(allowed)
})
