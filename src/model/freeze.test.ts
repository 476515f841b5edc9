import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { memoryScope, Tape } from '../tensor/index.ts'
import { Rng } from '../util/index.ts'
import { loadModel } from './checkpoint.ts'
import { parseConfig } from './config.ts'
import { Decoder } from './decoder.ts'
import { quantise } from './freeze.ts'
import { preset } from './presets.ts'

const golden = (name: string) => fileURLToPath(new URL(`../../test/golden/gemma/${name}`, import.meta.url))
const { config } = preset('micro')
const wide = parseConfig({
  ...config,
  hidden_size: 128,
  head_dim: 32,
  intermediate_size: 128,
  moe_intermediate_size: 64,
})

function logits(model: Decoder, ids: Int32Array, compute: 'f32' | 'bf16' = 'bf16'): Float32Array {
  using _scope = memoryScope()
  return model.logits(model.forward({ ids, batch: 1, time: ids.length }, { compute }).hidden)
}

/** Root of the mean square of the difference, over that of the first. */
function distance(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0]
  a.forEach((value, i) => {
    difference += (value - b[i]) ** 2
    size += value ** 2
  })
  return Math.sqrt(difference / size)
}

/** A model whose logits are of ordinary size. */
function model(): Decoder {
  const made = new Decoder(wide).initialise(new Rng(2))
  for (const { parameter, role } of made.weights) {
    if (role === 'matrix' || role === 'experts') for (let i = 0; i < parameter.size; i++) parameter.data[i] *= 2
  }
  return made
}

const ids = Int32Array.from({ length: 20 }, (_, i) => (i * 31) % 320)

describe('a quantised model', () => {
  test.each([
    ['bf16', 0],
    ['int8', 0.06],
    ['int4', 0.6],
  ] as const)('of %s says what the model says, within %f', (kind, bound) => {
    const before = logits(model(), ids)
    const frozen = model()
    quantise(frozen, kind)
    expect(distance(before, logits(frozen, ids))).toBeLessThanOrEqual(bound)
  })

  test.each(['int8', 'int4'] as const)('of %s takes about its bits, and gives the masters back', (kind) => {
    const frozen = model()
    const matrices = frozen.weights.filter(({ role }) => role === 'matrix' || role === 'experts')
    const held = matrices.reduce((sum, { parameter }) => sum + parameter.size, 0)
    const head = frozen.embedding.parameter.size
    const bytes = quantise(frozen, kind)
    const expected = (held * (kind === 'int8' ? 8.5 : 4.5) + head * 8.5) / 8
    expect(bytes).toBeGreaterThan(0.99 * expected)
    expect(bytes).toBeLessThan(1.3 * expected)
    for (const { parameter } of matrices) expect(parameter.storage.released).toBe(true)
    expect(() => matrices[0].parameter.data).toThrow('must be used before its scope ends')
  })

  test('gives a token the same logits whatever stands beside it', () => {
    const frozen = model()
    quantise(frozen, 'int8')
    const alone = logits(frozen, ids)
    using _scope = memoryScope()
    const both = Int32Array.from([...ids.map((id) => (id * 7) % 320), ...ids])
    const { hidden } = frozen.forward({ ids: both, batch: 2, time: ids.length })
    expect(frozen.logits(hidden).slice(alone.length)).toEqual(alone)
  })

  test.each(['dense-31b', 'e4b', 'gemma3', 'moe-26b'])('may be of kind %s', (name) => {
    const before = logits(
      loadModel(golden(name)),
      ids.map((id) => id % 128),
    )
    const frozen = loadModel(golden(name))
    quantise(frozen, 'int8')
    // heads of 8 with sharp scores: rounding shows
    expect(
      distance(
        before,
        logits(
          frozen,
          ids.map((id) => id % 128),
        ),
      ),
    ).toBeLessThan(0.35)
  })

  test('has no gradient, and says so', () => {
    const frozen = model()
    quantise(frozen, 'int8')
    using _scope = memoryScope()
    using _tape = new Tape()
    expect(() => frozen.loss({ ids, batch: 1, time: ids.length }, ids)).toThrow('outside of a tape')
  })
})
