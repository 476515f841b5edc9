import { expect, test } from 'vitest'
import { Rng } from '../util/index.ts'
import { SkipStep } from './skipStep.ts'

function afterSteadySteps(count: number, sigma = 6): SkipStep {
  const rng = new Rng(1)
  const skip = new SkipStep(sigma)
  for (let i = 0; i < count; i++) expect(skip.isSpike(3 + 0.1 * rng.normal(), 1 + 0.1 * rng.normal())).toBe(false)
  return skip
}

test('skips a spike of the loss or of the gradient norm, and nothing ordinary', () => {
  expect(afterSteadySteps(200).isSpike(3.2, 1.2)).toBe(false)
  expect(afterSteadySteps(200).isSpike(4.5, 1)).toBe(true)
  expect(afterSteadySteps(200).isSpike(3, 2.5)).toBe(true)
  expect(afterSteadySteps(200).isSpike(1, 0.1)).toBe(false)
})

test('skips nothing before half of its window is full, except what is not a number', () => {
  expect(afterSteadySteps(63).isSpike(100, 100)).toBe(false)
  expect(afterSteadySteps(3).isSpike(NaN, 1)).toBe(true)
  expect(afterSteadySteps(3).isSpike(3, Infinity)).toBe(true)
})

test('accepts a new level after a while', () => {
  const skip = afterSteadySteps(200)
  const decisions = Array.from({ length: 20 }, () => skip.isSpike(6, 1))
  expect(decisions[0]).toBe(true)
  expect(decisions.at(-1)).toBe(false)
})

test('goes on from its saved state, and with sigma 0 skips no number', () => {
  const skip = new SkipStep(6)
  skip.restore(JSON.parse(JSON.stringify(afterSteadySteps(200).state())))
  expect(skip.isSpike(4.5, 1)).toBe(true)
  expect(afterSteadySteps(200, 0).isSpike(1e9, 1)).toBe(false)
})
