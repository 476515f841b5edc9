import { expect, test } from 'vitest'
import { Rng } from '../util/index.ts'
import { audioTokenizerShape, drawPatches, imageTokenizerShape, picturePatches, soundPatches } from './index.ts'

const picture = (value: number) => ({ width: 4, height: 2, data: new Uint8Array(24).fill(value) })

test('patches of all pictures lie one after the other, with the width that the shape says', () => {
  const patches = picturePatches([picture(0), picture(51)], 2)
  const { inputDim } = imageTokenizerShape(2)
  expect(patches.length).toBe(4 * inputDim)
  expect([...patches].map((x) => Math.round(5 * x))).toEqual([...Array(24).fill(0), ...Array(24).fill(1)])
})

test('frames of all sounds lie one after the other, with the width that the shape says', () => {
  const sound = { rate: 16000, samples: new Float32Array(1000) }
  expect(soundPatches([sound, sound], 16).length).toBe(4 * audioTokenizerShape(16).inputDim)
})

test('what does not fit into 64 MiB is left out, patch by patch', () => {
  function* endless() {
    for (;;) yield { width: 1024, height: 1026, data: new Uint8Array(1024 * 1026 * 3) }
  }
  const patches = picturePatches(endless(), 2)
  expect(patches.length).toBe(Math.floor(2 ** 24 / 12) * 12)
})

test('draws are patches of the pool, all of them in time, and the same for the same seed', () => {
  const pool = Float32Array.from({ length: 30 }, (_, i) => i)
  const draw = drawPatches(pool, 3, new Rng(1))
  const drawn = draw(200)
  const firsts = new Set<number>()
  for (let i = 0; i < drawn.length; i += 3) {
    expect([drawn[i] % 3, drawn[i + 1] - drawn[i], drawn[i + 2] - drawn[i]]).toEqual([0, 1, 2])
    firsts.add(drawn[i])
  }
  expect(firsts.size).toBe(10)
  expect(drawPatches(pool, 3, new Rng(1))(200)).toEqual(drawn)
})
