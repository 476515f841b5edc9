import { expect, test } from 'vitest'
import { lineChart, ticks } from './lineChart.ts'

test('ticks are round, enclose what is shown and are about as many as asked for', () => {
  for (const [from, to] of [
    [0, 1],
    [0.7032, 0.8911],
    [0, 2.46e6],
    [1.3, 1.3],
    [-3, 17],
  ]) {
    const values = ticks(from, to, 5)
    expect(values[0]).toBeLessThanOrEqual(from)
    expect(values.at(-1)).toBeGreaterThanOrEqual(to)
    expect(values.length).toBeGreaterThanOrEqual(2)
    expect(values.length).toBeLessThanOrEqual(8)
  }
  expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6000000000000001, 0.8, 1])
})

test('a curve runs from left to right and down where values fall, inside of the frame', () => {
  const points = [1, 2, 3].map((x) => ({ x, y: 4 - x, low: 3.9 - x, high: 4.1 - x }))
  const series = [{ name: 'a <b>', colour: 'c0', points }]
  const { text } = lineChart(series, { xLabel: 'tokens', yLabel: 'loss', formatX: String })
  const line = /<polyline points="([^"]+)"/
    .exec(text)![1]
    .split(' ')
    .map((point) => point.split(',').map(Number))
  expect(line).toHaveLength(3)
  for (let i = 1; i < 3; i++) {
    expect(line[i][0]).toBeGreaterThan(line[i - 1][0])
    expect(line[i][1]).toBeGreaterThan(line[i - 1][1])
  }
  for (const [x, y] of line) expect(x >= 0 && x <= 720 && y >= 0 && y <= 320).toBe(true)
  expect(text).toContain('a &#60;b&#62;')
  expect(text).not.toContain('a <b>')
})

test('without points there is no chart', () => {
  expect(lineChart([], { xLabel: 'x', yLabel: 'y', formatX: String }).text).toBe('')
})
