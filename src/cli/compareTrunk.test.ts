import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { preset, withRouting } from '../model/index.ts'
import { learningRateFactor } from '../nn/index.ts'
import { tempFolder } from '../testing/index.ts'
import { defaultTrainingOptions } from '../train/index.ts'
import { branchFrom, dropStates, hasTrunk, keepState, sharedWarmup, stepsInCommon } from './compareTrunk.ts'

test('the rates of a shorter training are those of the longest one until it decays', () => {
  const { warmup, decay, finalLearningRate: final } = defaultTrainingOptions
  for (const longest of [7, 24, 100, 333, 1000]) {
    for (let steps = 1; steps < longest; steps++) {
      const shared = stepsInCommon(steps, longest)
      if (shared === 0) continue
      for (let step = 0; step < shared; step++) {
        const own = learningRateFactor(step / steps, { warmup: sharedWarmup(steps, longest), decay, final })
        const theirs = learningRateFactor(step / longest, { warmup, decay, final })
        if (Math.abs(own - theirs) > 1e-12) expect({ longest, steps, step, own }).toEqual({ own: theirs })
      }
      // and no step is trained twice that could be shared
      const next = learningRateFactor((shared + 1) / steps, { warmup: 0, decay, final })
      expect(next).toBeLessThan(1)
    }
  }
})

test('lengths that are too short to have warmed up share nothing, others most of their steps', () => {
  // warm-up takes 20 steps of 1,000
  expect([10, 30, 33, 40, 400, 700].map((steps) => stepsInCommon(steps, 1000))).toEqual([0, 0, 0, 24, 240, 420])
})

test('routing that follows the length has no trunk', () => {
  const { config } = preset('micro')
  expect(hasTrunk(config)).toBe(true)
  expect(hasTrunk(withRouting(config, 'balance=bias'))).toBe(false)
  expect(hasTrunk(withRouting(config, 'warmup=0.1'))).toBe(false)
})

test('a state is branched from when it is whole, and gone when it is dropped', async () => {
  using temp = tempFolder()
  const [trunk, trial] = [join(temp.path, 'trunk'), join(temp.path, 'trial')]
  mkdirSync(join(trunk, 'checkpoint'), { recursive: true })
  writeFileSync(join(trunk, 'checkpoint/training_state.json'), '{"step":6}')
  // what a copy leaves that was cut off
  mkdirSync(join(trunk, 'states/step-6.new'), { recursive: true })
  writeFileSync(join(trunk, 'states/step-6.new/training_state.json'), '{')
  expect(await branchFrom(trunk, 6, trial)).toBe(false)
  expect(existsSync(trial)).toBe(false)
  await keepState(trunk, 6)
  expect(await branchFrom(trunk, 6, trial)).toBe(true)
  expect(readFileSync(join(trial, 'checkpoint/training_state.json'), 'utf8')).toBe('{"step":6}')
  dropStates(trunk)
  expect(await branchFrom(trunk, 6, join(temp.path, 'other'))).toBe(false)
})
