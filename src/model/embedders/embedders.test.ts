// The encoder-free embedders against their formulas in float64, gradients included.
import { describe, expect, test } from 'vitest'
import { initialise } from '../../nn/index.ts'
import { fromArray, memoryScope, type Parameter, Tape } from '../../tensor/index.ts'
import {
  dotProduct,
  expectClose,
  finiteDifference,
  layerNormReference,
  linearReference,
  normalArray,
  random,
  rmsNormReference,
} from '../../testing/index.ts'
import { AudioEmbedder } from './audio.ts'
import { VisionEmbedder } from './vision.ts'

const [N, P, E, D, places] = [5, 12, 8, 6, 4]
const positions = Int32Array.of(0, 0, 1, 0, 3, 2, 0, 1, 1, 1)

/** Random values for every weight, as float64 by the last parts of their names. */
function randomise(weights: { parameter: Parameter }[], seed: number): Record<string, Float64Array> {
  const rng = random(seed)
  return Object.fromEntries(
    weights.map(({ parameter }) => {
      parameter.data.set(normalArray(rng, parameter.size))
      parameter.touch()
      return [parameter.name.replace('model.', ''), Float64Array.from(parameter.data)]
    }),
  )
}

/** The vision embedder written out in float64. */
function visionReference(patches: Float64Array, w: Record<string, Float64Array>): Float64Array {
  const norm = (x: Float64Array, name: string, width: number): Float64Array =>
    layerNormReference(x, w[`embed_vision.${name}.weight`], w[`embed_vision.${name}.bias`], width)
  const mapped = linearReference(norm(patches, 'patch_ln1', P), w['embed_vision.patch_dense.weight'], [N, E, P])
  const dense = norm(
    mapped.map((x, i) => x + w['embed_vision.patch_dense.bias'][i % E]),
    'patch_ln2',
    E,
  )
  const table = w['embed_vision.pos_embedding']
  const placed = dense.map((x, i) => {
    const [n, e] = [Math.floor(i / E), i % E]
    return x + table[positions[2 * n] * 2 * E + e] + table[(positions[2 * n + 1] * 2 + 1) * E + e]
  })
  const normed = rmsNormReference(norm(placed, 'pos_norm', E), null, null, N, E, 1e-6)
  return linearReference(normed, w['embed_vision.multimodal_embedder.embedding_projection.weight'], [N, D, E])
}

describe('the vision embedder', () => {
  test('has the value and gradients of its formula', () => {
    using _scope = memoryScope()
    const embedder = new VisionEmbedder('model.embed_vision', {
      patchDim: P,
      embedDim: E,
      positions: places,
      hiddenSize: D,
    })
    const weights = randomise(embedder.weights, 1)
    const patches = normalArray(random(2), N * P)
    const cotangent = normalArray(random(3), N * D)
    using tape = new Tape()
    const rows = embedder.forward(fromArray(patches, [N, P]), positions)
    expect(rows.shape).toEqual([N, D])
    const exact = Float64Array.from(patches)
    expectClose(rows.floats, visionReference(exact, weights), { rtol: 1e-4, atol: 1e-4 })
    rows.grad = fromArray(cotangent, [N, D])
    tape.run()
    for (const { parameter } of embedder.weights) {
      const values = weights[parameter.name.replace('model.', '')]
      const expected = finiteDifference(() => dotProduct(visionReference(exact, weights), cotangent), values)
      const largest = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0)
      expectClose(parameter.grad!.floats, expected, { rtol: 0, atol: 1e-4 * largest }, parameter.name)
    }
  })

  test('starts with offsets of zero and places that differ, and takes no patches at all', () => {
    using _scope = memoryScope()
    const embedder = new VisionEmbedder('v', { patchDim: P, embedDim: E, positions: places, hiddenSize: D })
    initialise(embedder.weights, random(4))
    expect(embedder.denseBias.parameter.data.every((x) => x === 0)).toBe(true)
    expect(new Set(embedder.positions.parameter.data).size).toBe(places * 2 * E)
    expect(embedder.patchNorm.factors.parameter.data.every((x) => x === 1)).toBe(true)
    expect(embedder.forward(fromArray([], [0, P]), new Int32Array(0)).shape).toEqual([0, D])
  })
})

test('the audio embedder is a norm and a map, and does not hear how loud a frame is', () => {
  using _scope = memoryScope()
  const embedder = new AudioEmbedder('model.embed_audio', { frameDim: P, hiddenSize: D })
  const weights = randomise(embedder.weights, 5)
  const frames = normalArray(random(6), N * P)
  const rows = embedder.forward(fromArray(frames, [N, P]))
  const normed = rmsNormReference(Float64Array.from(frames), null, null, N, P, 1e-6)
  const expected = linearReference(normed, weights['embed_audio.embedding_projection.weight'], [N, D, P])
  expectClose(rows.floats, expected, { rtol: 1e-4, atol: 1e-4 })
  const louder = embedder.forward(
    fromArray(
      frames.map((x) => 3 * x),
      [N, P],
    ),
  )
  expectClose(louder.floats, rows.floats, { rtol: 1e-4, atol: 1e-4 })
})
