// The towers beside their parity with transformers (test/golden/multimodal.test.ts): rotation in two dimensions, media that do
// not see each other, and how many soft tokens there are. Weights are random.
import { describe, expect, test } from 'vitest'
import { initialise } from '../../nn/index.ts'
import { fromArray, memoryScope } from '../../tensor/index.ts'
import { expectClose, normalArray, random } from '../../testing/index.ts'
import { AudioTower } from './audio.ts'
import { axialRope, swapQuarters } from './axialRope.ts'
import { ClippedLinear } from './clippedLinear.ts'
import { soundTokensOf } from './subsampling.ts'
import { VisionTower, type VisionTowerShape } from './vision.ts'

describe('rotation in two dimensions', () => {
  test('quarters swapped twice are what they were, head by head', () => {
    const values = Float32Array.from({ length: 48 }, (_, i) => i)
    const swapped = swapQuarters(values, 8, 3)
    expect(swapQuarters(swapped, 8, 3)).toEqual(values)
    // 8 rows of 3 a head: rows 2, 3 and 4, 5 change places
    expect([...swapped.subarray(0, 24)]).toEqual([
      0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23,
    ])
    expect([...swapped.subarray(24)]).toEqual([...swapped.subarray(0, 24)].map((value) => value + 24))
  })

  test('turns the first pairs with the column and the others with the row', () => {
    using _scope = memoryScope()
    const { cos, sin } = axialRope(Int32Array.of(3, 0, 0, 5), 8, 100)
    expect(cos.shape).toEqual([2, 4])
    // frequencies 1 and 100^(-1/2) of both axes
    const angles = [3, 0.3, 0, 0, 0, 0, 5, 0.5]
    expectClose(cos.floats, angles.map(Math.cos), { rtol: 1e-6, atol: 1e-6 })
    expectClose(sin.floats, angles.map(Math.sin), { rtol: 1e-6, atol: 1e-6 })
  })
})

test('a clipped map holds its input and output within the bounds, and leaves the input itself alone', () => {
  using _scope = memoryScope()
  const map = new ClippedLinear('map', [2, 2], { clipped: true })
  map.matrix.parameter.data.set([1, 0, 0, 10])
  map.matrix.parameter.touch()
  const x = fromArray([5, -5, 0.5, 0.5], [2, 2])
  expect([...map.forward(x).floats]).toEqual([5, -50, 0.5, 5])
  ;[-1, 2, -3, 4].forEach((bound, i) => map.bounds[i].parameter.data.fill(bound))
  expect([...map.forward(x).floats]).toEqual([2, -3, 0.5, 4])
  expect([...x.floats]).toEqual([5, -5, 0.5, 0.5])
})

const visionShape: VisionTowerShape = {
  ...{ hiddenSize: 16, intermediateSize: 12, layers: 2, heads: 2, kvHeads: 1, headDim: 8, patchSize: 2, pooling: 2 },
  ...{ positions: 8, theta: 100, eps: 1e-6, clipped: false, standardize: false },
}

/** Patches of a picture and where they stand. */
function picture(columns: number, rows: number, seed: number) {
  const positions = Int32Array.from({ length: 2 * columns * rows }, (_, i) =>
    i % 2 === 0 ? (i >> 1) % columns : Math.floor((i >> 1) / columns),
  )
  return { features: normalArray(random(seed), columns * rows * 12), positions }
}

describe('the vision tower', () => {
  const tower = new VisionTower('vision', visionShape)
  initialise(tower.weights, random(1), { std: 0.3 })
  const see = (...pictures: ReturnType<typeof picture>[]): Float32Array => {
    using _scope = memoryScope()
    const features = pictures.flatMap((each) => [...each.features])
    const positions = Int32Array.from(pictures.flatMap((each) => [...each.positions]))
    return tower.forward(fromArray(features, [features.length / 12, 12]), positions).floats.slice()
  }

  test('pictures side by side are what they are alone, a quarter of the patches each', () => {
    const [wide, tall] = [picture(4, 2, 2), picture(2, 6, 3)]
    const [first, second] = [see(wide), see(tall)]
    expect([first.length, second.length]).toEqual([2 * 16, 3 * 16])
    expectClose(see(wide, tall, wide), [...first, ...second, ...first], { rtol: 1e-5, atol: 1e-5 })
  })

  test('knows left from right and top from bottom', () => {
    const { features, positions } = picture(4, 4, 4)
    const turned = Int32Array.from(positions.keys(), (i) => positions[i ^ 1])
    const [asIs] = [see({ features, positions })]
    // the same patches with columns and rows exchanged, put back in the order of rows
    const transposed = features.slice()
    for (let n = 0; n < 16; n++) {
      const at = turned[2 * n] + 4 * turned[2 * n + 1]
      transposed.set(features.subarray(12 * n, 12 * n + 12), 12 * at)
    }
    const other = see({ features: transposed, positions })
    expect(Math.max(...asIs.subarray(0, 16).map((value, i) => Math.abs(value - other[i])))).toBeGreaterThan(0.01)
  })

  test('takes no picture at all, and refuses one with a side of odd patches', () => {
    expect(see().length).toBe(0)
    expect(() => see(picture(4, 3, 5))).toThrow(
      'visionTower: patches must be row by row, in sides of multiples of 2, got patch 11 at 3, 2',
    )
  })
})

describe('the audio tower', () => {
  const tower = new AudioTower('audio', {
    ...{ hiddenSize: 16, layers: 2, heads: 2, channels: [8, 4] as const, convKernel: 3, residualWeight: 0.5 },
    ...{ window: 4, logitCap: 50, limit: 1e10, clipped: true, eps: 1e-6, outputSize: 6 },
  })
  initialise(tower.weights, random(6), { std: 0.3 })
  const hear = (spectra: Float32Array, ...frames: number[]): Float32Array => {
    using _scope = memoryScope()
    return tower.forward(spectra, Int32Array.from(frames)).floats.slice()
  }
  const spectrum = (frames: number, seed: number): Float32Array => normalArray(random(seed), frames * 8)

  test('gives a soft token every four frames, the last ones from what there is', () => {
    expect([0, 1, 2, 4, 5, 8, 9, 98, 3000].map(soundTokensOf)).toEqual([0, 1, 1, 1, 2, 2, 3, 25, 750])
    for (const frames of [0, 1, 5, 8]) expect(hear(spectrum(frames, 7), frames).length).toBe(6 * soundTokensOf(frames))
  })

  test('sounds side by side are what they are alone', () => {
    const [long, short] = [spectrum(33, 8), spectrum(10, 9)]
    const together = hear(Float32Array.from([...long, ...short, ...long]), 33, 10, 33)
    expectClose(together, [...hear(long, 33), ...hear(short, 10), ...hear(long, 33)], { rtol: 1e-6, atol: 1e-6 })
  })

  test('does not look ahead: what comes later leaves earlier tokens as they are', () => {
    const sound = spectrum(40, 10)
    const changed = sound.slice()
    changed.fill(1, 32 * 8)
    const [before, after] = [hear(sound, 40), hear(changed, 40)]
    // token 7 reads frames up to 31: two convolutions reach 3 frames beyond 4 * 7
    expect(after.subarray(0, 8 * 6)).toEqual(before.subarray(0, 8 * 6))
    expect(after.subarray(8 * 6)).not.toEqual(before.subarray(8 * 6))
  })

  test('spectra that are not whole frames are refused', () => {
    expect(() => hear(spectrum(4, 11), 5)).toThrow('audioTower: spectra must be 5 frames of 8 bins, got 32')
  })
})
