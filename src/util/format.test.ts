import { expect, test } from 'vitest'
import { formatBytes, formatSeconds } from './format.ts'
import { describeShape, ShapeError } from './shapeError.ts'

test('bytes are printed in binary units with at most one decimal', () => {
  expect([0, 1023, 1536, 200 * 1024, 3 * 2 ** 30].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '200 KiB',
    '3.0 GiB',
  ])
})

test('durations are printed in the unit that fits', () => {
  expect([0.25, 12.34, 59.97, 245, 3599.8, 7620].map(formatSeconds)).toEqual([
    '250 ms',
    '12.3 s',
    '1 min 00 s',
    '4 min 05 s',
    '1 h 00 min',
    '2 h 07 min',
  ])
})

test('a shape error reads op: requirement, got actual', () => {
  const error = new ShapeError('linear', 'x must be [R, 64]', { shape: [3, 32], dtype: 'bf16' }, 'transpose x')
  expect(error.message).toBe('linear: x must be [R, 64], got bf16 [3, 32]')
  expect(error).toMatchObject({
    op: 'linear',
    requirement: 'x must be [R, 64]',
    actual: 'bf16 [3, 32]',
    hint: 'transpose x',
  })
  expect(describeShape({ shape: [], dtype: 'f32' })).toBe('f32 []')
  expect(new ShapeError('route', 'topK must be at least 1', 0).message).toBe('route: topK must be at least 1, got 0')
})
