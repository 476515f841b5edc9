import { expect, test } from 'vitest'
import { denseTwin, preset } from '../model/index.ts'
import { randomSource } from '../testing/index.ts'
import { measurePaces, medianOf, paceRatio } from './comparePace.ts'

const { config, time } = preset('micro')
const shape = { batch: 2, time: 32, vocab: config.vocab_size }

test('models take turns, and the steps after the first of a turn are counted', async () => {
  const order: number[] = []
  const contestants = [config, denseTwin(config, time)].map((each, i) => {
    const source = randomSource(1, shape)
    const next = (): ReturnType<typeof source.next> => {
      order.push(i)
      return source.next()
    }
    return { config: each, loader: { ...source, next }, training: { batch: 2, time: 32 } }
  })
  const profiled: [number, boolean][] = []
  const paces = await measurePaces(contestants, {
    rounds: 2,
    stepsPerTurn: 3,
    onCounted: (i, begins) => profiled.push([i, begins]),
  })
  expect(order.join('')).toBe('000111'.repeat(3))
  expect(paces!.map(({ samples }) => samples.length)).toEqual([4, 4])
  for (const { secondsPerStep, samples } of paces!) expect(secondsPerStep).toBe(medianOf(samples))
  expect(profiled).toEqual([0, 1, 0, 1].flatMap((i) => [[i, true], [i, false]])) // prettier-ignore
})

test('a stop in the middle of a turn ends them all', async () => {
  const stop = new AbortController()
  let batches = 0
  const source = randomSource(1, shape)
  const next = (): ReturnType<typeof source.next> => {
    if (++batches === 4) stop.abort()
    return source.next()
  }
  const contestant = { config, loader: { ...source, next }, training: { batch: 2, time: 32 } }
  const paces = await measurePaces([contestant, contestant, contestant], { rounds: 5, signal: stop.signal })
  expect(paces).toBeUndefined()
  expect(batches).toBeLessThan(6)
})

test('a ratio is the median over pairs of steps, whatever the machine did meanwhile', () => {
  const [one, other] = [
    [1.1, 2.2, 11, 1.3],
    [1, 2, 10, 1],
  ].map((samples) => ({ samples, secondsPerStep: medianOf(samples) }))
  expect(paceRatio(one, other)).toBeCloseTo(1.1, 12)
})
