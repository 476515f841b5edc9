import { expect, test } from 'vitest'
import { Decoder, denseTwin, preset } from '../model/index.ts'
import { Optimizer } from '../nn/index.ts'
import { memoryUse } from './compareMemory.ts'

test.each(['muon', 'muon-all', 'adamw'] as const)('memory under %s is that of the arrays that are made', (kind) => {
  const { config, time } = preset('micro')
  for (const each of [config, denseTwin(config, time)]) {
    const { weights } = new Decoder(each)
    const numbers = weights.reduce((sum, { parameter }) => sum + parameter.size, 0)
    const state = [...new Optimizer(weights, { kind, weightDecay: 0 }).state()]
    const moments = state.reduce((sum, [, tensor]) => sum + tensor.floats.length, 0)
    const { file, training } = memoryUse(each, kind)
    // the account also counts the constant factor of each layer
    expect(file / (2 * numbers)).toBeCloseTo(1, 3)
    expect(training / (4 * (2 * numbers + moments))).toBeCloseTo(1, 3)
  }
})
