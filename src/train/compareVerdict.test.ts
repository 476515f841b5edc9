import { expect, test } from 'vitest'
import type { TrialResult } from './compareTypes.ts'
import { verdict } from './compareVerdict.ts'

/** A training that ends at a loss after so many tokens. */
function trial(contestant: string, seed: number, tokens: number, finalBitsPerByte: number): TrialResult {
  return {
    ...{ contestant, seed, steps: tokens / 100, tokens, factor: 1, finalBitsPerByte },
    curve: [
      { tokens: tokens / 4, bitsPerByte: finalBitsPerByte + 0.4 },
      { tokens, bitsPerByte: finalBitsPerByte },
    ],
    ...{ trainBitsPerByte: finalBitsPerByte, secondsPerStep: 1, parameters: 10, activeParameters: 5, skippedSteps: 0 },
    ...{ flopsPerToken: contestant === 'moe' ? 110 : 100, routing: null },
  }
}

test('ratios are those worked out by hand, seed by seed', () => {
  // seed 1: 1.2 lies halfway between 1.3 at 400 and 1.1 at 1600 tokens: at 800; seed 2: at 400 of 1600
  const found = verdict({
    sparse: [trial('moe', 1, 1600, 1.1), trial('moe', 2, 1600, 1.0)],
    dense: [trial('dense', 1, 1600, 1.2), trial('dense', 2, 1600, 1.5)],
    shorter: [trial('moe', 1, 400, 1.3), trial('moe', 2, 400, 1.5)],
    paceRatio: 1.2,
  })
  expect(found).toMatchObject({
    against: 'dense',
    seeds: [1, 2],
    method: 'shorter schedules',
    outside: [],
    isBound: false,
  })
  expect(found.tokens.mean).toBeCloseTo(Math.sqrt(0.5 * 0.25), 9)
  expect(found.flops.mean).toBeCloseTo(1.1 * Math.sqrt(0.5 * 0.25), 9)
  expect(found.seconds.mean).toBeCloseTo(1.2 * Math.sqrt(0.5 * 0.25), 9)
  // logarithms of 1/2 and 1/4: deviation ln 2 / sqrt 2, standard error ln 2 / 2, times 12.706
  expect(Math.log(found.tokens.high / found.tokens.mean)).toBeCloseTo((12.7062 * Math.LN2) / 2, 3)
  expect(found.atEqualTokens.mean).toBeCloseTo(-0.3, 9)
  // in the dense model's time the sparse one sees 1600 / 1.2 tokens
  const affordable = Math.log(1600 / 1.2 / 400) / Math.log(4)
  expect(found.atEqualSeconds.mean).toBeCloseTo((1.3 - 0.2 * affordable - 1.2 + (1.5 - 0.5 * affordable - 1.5)) / 2, 9)
})

test('without shorter trainings the own curve is read, and says so', () => {
  const found = verdict({
    sparse: [trial('moe', 1, 1600, 1.0)],
    dense: [trial('dense', 1, 1600, 1.2)],
    shorter: [],
    paceRatio: 1,
  })
  expect(found.method).toBe('its own curve')
  expect(found.tokens.mean).toBeCloseTo(0.5, 9)
  expect(found.tokens.low).toBeNaN()
})

test('a sparse model that never gets there is told as beyond what was trained', () => {
  const found = verdict({
    sparse: [trial('moe', 7, 1600, 1.3)],
    dense: [trial('dense', 7, 1600, 1.2)],
    shorter: [trial('moe', 7, 400, 1.31)],
    paceRatio: 1,
  })
  expect(found).toMatchObject({ outside: [7], isBound: true })
  expect(found.tokens.mean).toBeCloseTo(2, 9)
})
