import { expect, test } from 'vitest'
import { ropeTable } from './rope.ts'

test('angles are position * theta^(-2i/C)', () => {
  const { cos, sin } = ropeTable({ positions: 7, headDim: 8, theta: 10_000 })
  expect(cos.shape).toEqual([7, 4])
  for (let position = 0; position < 7; position++) {
    for (let i = 0; i < 4; i++) {
      const angle = position * 10_000 ** (-i / 4)
      expect(cos.data[position * 4 + i]).toBeCloseTo(Math.cos(angle), 6)
      expect(sin.data[position * 4 + i]).toBeCloseTo(Math.sin(angle), 6)
    }
  }
})

test('the proportional form turns the first pairs at the frequencies of the full head, and leaves the rest', () => {
  const full = ropeTable({ positions: 5, headDim: 512, theta: 1e6 })
  const part = ropeTable({ positions: 5, headDim: 512, theta: 1e6, share: 0.25 })
  for (let position = 0; position < 5; position++) {
    const row = position * 256
    expect(part.cos.data.slice(row, row + 64)).toEqual(full.cos.data.slice(row, row + 64))
    expect(part.cos.data.slice(row + 64, row + 256).every((value) => value === 1)).toBe(true)
    expect(part.sin.data.slice(row + 64, row + 256).every((value) => value === 0)).toBe(true)
  }
})
