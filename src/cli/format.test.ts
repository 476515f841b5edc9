import { describe, expect, it } from 'vitest'
import { bar, bytes, clock, count, decimals, duration, percent, short, sparkline } from './format.ts'

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [999.6, '1.00k'],
    [1234567, '1.23M'],
    [999_600, '1.00M'],
    [2.31e12, '2.31T'],
  ])('writes %d as %s', (value, text) => {
    expect(short(value)).toBe(text)
  })

  it.each([
    [5, '0:05'],
    [65.4, '1:05'],
    [3599.6, '1:00:00'],
    [3725, '1:02:05'],
    [Number.NaN, '–:––'],
    [Number.POSITIVE_INFINITY, '–:––'],
  ])('shows %d seconds on a clock as %s', (value, text) => {
    expect(clock(value)).toBe(text)
  })

  it.each([
    [0.034, '0.03 s'],
    [9.96, '10.0 s'],
    [59.6, '1 min 0 s'],
    [75, '1 min 15 s'],
    [3725, '1 h 2 min'],
  ])('says that %d seconds are %s', (value, text) => {
    expect(duration(value)).toBe(text)
  })

  it('writes counts, bytes, shares and decimals', () => {
    expect(count(1234567)).toBe('1,234,567')
    expect([bytes(12), bytes(1234), bytes(21_400_000)]).toEqual(['12 bytes', '1.23 kB', '21.4 MB'])
    expect([percent(0.4123), percent(0.034), percent(0.0997)]).toEqual(['41%', '3.4%', '10%'])
    expect(decimals(2.34567)).toBe('2.346')
  })

  it('never writes NaN', () => {
    for (const write of [count, short, bytes, duration, percent, decimals, clock]) {
      expect(write(Number.NaN)).not.toContain('NaN')
    }
    expect(decimals(undefined)).toBe('–')
  })
})

describe('sparkline', () => {
  it('goes from the highest bar to the lowest', () => {
    expect(sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8)).toBe('█▇▆▅▄▃▂▁')
  })

  it('averages many values into its cells', () => {
    expect(
      sparkline(
        Array.from({ length: 1000 }, (_, i) => i),
        4,
      ),
    ).toBe('▁▃▆█')
  })

  it('draws a flat series in the middle, and nothing for nothing', () => {
    expect(sparkline([2, 2, 2])).toBe('▄▄▄')
    expect(sparkline([])).toBe('')
    expect(sparkline([Number.NaN, 1, Number.POSITIVE_INFINITY, 2])).toBe('▁█')
  })
})

describe('bar', () => {
  it('fills in half cells and keeps its width', () => {
    expect(bar(0, 4)).toBe('────')
    expect(bar(0.375, 4)).toBe('━╸──')
    expect(bar(1, 4)).toBe('━━━━')
    expect(bar(7, 4)).toBe('━━━━')
  })
})
