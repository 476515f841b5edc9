import { describe, expect, test } from 'vitest'
import { defaultRouting } from '../nn/index.ts'
import { configFile, configText, parseConfig, preset, routingSpecKeys, withRouting } from './index.ts'

const base = preset('nano').config
const changed = (text: string) => withRouting(base, text)

test('nothing said changes nothing, and a config of its own default writes no routing', () => {
  expect(changed('')).toEqual(base)
  expect(base.routing).toEqual(defaultRouting)
  expect(configFile(base, 'bf16')).not.toHaveProperty('routing')
})

test('sizes and rules in words become fields', () => {
  expect(changed('balance=bias,score=sigmoid,top-k=4,experts=32,shared=off,capacity=1.25')).toMatchObject({
    ...{ num_experts: 32, top_k_experts: 4, intermediate_size: 0, router_aux_loss_coef: 0 },
    routing: { balance: 'bias', score: 'sigmoid', capacity: 1.25, renormalise: true, choice: 'token' },
  })
  expect(changed('shared=192, expert-width=96 ,z=0.01')).toMatchObject({
    ...{ intermediate_size: 192, moe_intermediate_size: 96, router_z_loss_coef: 0.01, router_aux_loss_coef: 0.01 },
  })
})

describe('what is not said follows', () => {
  test('another rule of balance has no balance loss unless told', () => {
    expect(changed('balance=quantile').router_aux_loss_coef).toBe(0)
    expect(changed('balance=bias,aux=0.0001,aux-scope=sequence')).toMatchObject({
      ...{ router_aux_loss_coef: 1e-4, routing: { aux_scope: 'sequence' } },
    })
    expect(withRouting(changed('balance=bias'), 'balance=aux').router_aux_loss_coef).toBe(0.01)
  })

  test('one expert a token keeps the size of its weight unless told', () => {
    expect(changed('top-k=1').routing).toMatchObject({ renormalise: false, norm_first: true })
    expect(changed('top-k=1,renormalise=on').routing).toMatchObject({ renormalise: true, norm_first: true })
    expect(changed('top-k=1,norm-first=off').routing).toMatchObject({ renormalise: false, norm_first: false })
    expect(changed('top-k=2').routing).toEqual(base.routing)
  })

  test('expert choice and round robin need no balance', () => {
    expect(changed('choice=expert')).toMatchObject({
      ...{ router_aux_loss_coef: 0, routing: { choice: 'expert', renormalise: false, balance: 'none' } },
    })
    expect(withRouting(changed('choice=expert'), 'choice=token')).toEqual(base)
  })

  test('rates follow their rule', () => {
    expect(changed('balance=bias').routing.bias_rate).toBeCloseTo(0.01)
    expect(changed('balance=bias,experts=64').routing.bias_rate).toBeCloseTo(0.0025)
    expect(withRouting(changed('balance=bias'), 'experts=64').routing.bias_rate).toBeCloseTo(0.0025)
    expect(changed('balance=sinkhorn,bias-rate=0.1').routing.bias_rate).toBe(0.1)
  })
})

test('no experts is a dense model, and a dense model can have experts', () => {
  const dense = changed('experts=0,shared=1152')
  expect(dense).toMatchObject({ enable_moe_block: false, num_experts: 0, intermediate_size: 1152 })
  expect(withRouting(dense, 'experts=8,shared=off')).toMatchObject({
    ...{ enable_moe_block: true, num_experts: 8, top_k_experts: 2, moe_intermediate_size: 1152, intermediate_size: 0 },
  })
})

test.each([
  'balance=bias',
  'choice=expert,capacity=2',
  'choice=round-robin',
  'top-k=1',
  'score=sigmoid,groups=4,top-groups=2',
])('%s is written shortly and read back', (text) => {
  const config = changed(text)
  const file = configText(configFile(config, 'bf16'))
  expect(parseConfig(JSON.parse(file))).toEqual(config)
  const { routing } = JSON.parse(file) as { routing: object }
  expect(Object.keys(routing).length).toBeLessThan(4)
})

test.each([
  ['balanse=bias', /keys must be of experts, top-k, .*got "balanse"/],
  ['balance', /balance must have a value, as in balance=aux; got "balance"/],
  ['balance=', /balance must have a value/],
  ['expert-scale', /as in expert-scale=on/],
  ['capacity=1=2', /capacity must have a value/],
  ['top-k=2,top-k=4', /top-k must be given once/],
  ['top-k=2.5', /top-k must be a whole number, got 2.5/],
  ['top-k=many', /top-k must be a number, got many/],
  ['top-k=17', /top_k_experts must be at most num_experts \(16\), got 17/],
  ['renormalise=maybe', /renormalise must be on or off, got maybe/],
  ['score=relu', /routing.score must be one of softmax, sigmoid, got "relu"/],
  ['groups=3', /routing.groups must be a divisor of num_experts \(16\), got 3/],
  ['groups=4,top-groups=5', /routing.top_groups must be at most groups \(4\), got 5/],
  ['groups=16,top-groups=1', /routing.top_groups must be so many that they hold top_k_experts \(2\) experts, not 1/],
  ['choice=expert,renormalise=on', /routing.renormalise must be false under choice "expert"/],
  ['choice=expert,balance=bias', /routing.balance must be "none" under choice "expert"/],
  ['choice=round-robin,capacity=1', /routing.capacity must be 0 under choice "round-robin"/],
  ['balance=none,aux=0.01', /router_aux_loss_coef must be 0 under routing.balance "none"/],
  ['jitter=1', /routing.jitter must be from 0 to 0.99, got 1/],
  ['warmup=2', /routing.warmup must be from 0 to 1, got 2/],
  ['experts=0,balance=bias', /experts=0 must stand alone or with shared, got balance/],
])('refuses %j', (text, message) => {
  expect(() => changed(text)).toThrow(message)
})

test('an unknown key of config.json is refused by name, with what may be meant', () => {
  expect(() => parseConfig({ ...base, routing: { balence: 'bias' } })).toThrow(
    'config: routing.balence must be left out (did you mean balance?), got "bias"',
  )
  expect(() => parseConfig({ ...base, routing: [] })).toThrow('config: routing must be an object')
  expect(() => parseConfig({ ...base, intermediate_size: 0, enable_moe_block: false })).toThrow('intermediate_size')
})

test('every key of routing can be typed', () => {
  for (const key of Object.keys(defaultRouting)) expect(routingSpecKeys).toContain(key.replaceAll('_', '-'))
})
