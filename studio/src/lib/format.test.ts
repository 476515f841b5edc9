import { expect, it } from 'vitest'
import { ago, bytes, digits, percent, seconds } from './format.ts'

it('writes numbers with three digits and no exponent', () => {
  expect([0, 0.0123, 1.234, 12.34, 123.4, 1234.5, 0.000012].map(digits)).toEqual([
    ...['0', '0.0123', '1.23', '12.3', '123', '1235', '0.000012'],
  ])
  expect(digits(Number.NaN)).toBe('–')
})

it('writes bytes, shares and times as people read them', () => {
  expect([0, 999, 1024, 1_500_000, 120 * 2 ** 20].map(bytes)).toEqual(['0 B', '999 B', '1.0 KB', '1.4 MB', '120 MB'])
  expect([0, 0.012, 0.5, 1].map(percent)).toEqual(['0%', '1.2%', '50%', '100%'])
  expect([0.123, 1.23, 59.7, 200, 7500].map(seconds)).toEqual([
    '0.12 s',
    '1.2 s',
    '1 min 0 s',
    '3 min 20 s',
    '2 h 5 min',
  ])
  expect([0, 5 * 60_000, 3 * 3_600_000].map((past) => ago(1e12 - past, 1e12))).toEqual([
    'just now',
    '5 min ago',
    '3 h ago',
  ])
})
