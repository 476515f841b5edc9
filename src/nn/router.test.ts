// The router as a block sees it: what each key changes, what is training's alone, and what never changes.
import { describe, expect, test } from 'vitest'
import { fromArray, memoryScope } from '../tensor/index.ts'
import { normalArray, random } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { defaultRouting, initialise, type RoutingConfig, type RoutingPass, TopKRouter } from './index.ts'

const [R, D, E, K] = [64, 16, 8, 2]
const rows = normalArray(random(1), R * D)
const training = { progress: 0.5, seed: 11 }

function newRouter(routing: Partial<RoutingConfig>): TopKRouter {
  const router = new TopKRouter('model.layers.0.router', {
    ...{ hiddenSize: D, experts: E, topK: K, eps: 1e-6, balanceCoefficient: 0.01, zCoefficient: 0 },
    routing: { ...defaultRouting, ...routing },
  })
  initialise(router.weights, new Rng(2), { std: 2 })
  return router
}

/** Choice and weights of a pass, as plain numbers. */
function pass(router: TopKRouter, options: RoutingPass = {}) {
  using _scope = memoryScope()
  const { indices, weights, counts, dropped, plan, balanceLoss } = router.forward(fromArray(rows, [R, D]), options)
  return {
    ...{ indices: [...indices.ints], weights: [...weights.floats], counts: [...counts], dropped, balanceLoss },
    taken: plan.taken,
    rowsOfExperts: plan.offsets.ints.slice(1).map((end, e) => end - plan.offsets.ints[e]),
  }
}

const plain = pass(newRouter({}))

describe('in training', () => {
  test('the default does what it does elsewhere', () => {
    expect(pass(newRouter({}), { training })).toEqual(plain)
  })

  test('a capacity bounds every expert, in training alone', () => {
    const capacity = Math.ceil((1.25 * K * R) / E)
    const limited = pass(newRouter({ capacity: 1.25 }), { training })
    expect(Math.max(...limited.rowsOfExperts)).toBe(capacity)
    expect(limited.taken + limited.dropped).toBe(R * K)
    expect(limited.counts).toEqual(plain.counts)
    expect(limited.weights.filter((w) => w === 0)).toHaveLength(limited.dropped)
    expect(pass(newRouter({ capacity: 1.25 }))).toEqual(plain)
  })

  test('padding takes no place in a capacity and no load', () => {
    const padding = new Uint8Array(R).fill(1, R / 2)
    const limited = pass(newRouter({ capacity: 1 }), { training, padding })
    expect(Math.max(...limited.rowsOfExperts)).toBeLessThanOrEqual((K * R) / 2 / E)
    expect(limited.counts.reduce((sum, n) => sum + n, 0)).toBe((K * R) / 2)
  })

  test('experts choose equal loads; elsewhere rows choose', () => {
    const router = newRouter({ choice: 'expert', renormalise: false, balance: 'none' })
    expect(pass(router, { training }).rowsOfExperts).toEqual(new Int32Array(E).fill((K * R) / E))
    expect(pass(router).indices).toEqual(plain.indices)
  })

  test('jitter moves weights a little, by the seed', () => {
    const router = newRouter({ jitter: 0.05 })
    const jittered = pass(router, { training })
    expect(jittered.weights).not.toEqual(plain.weights)
    expect(pass(router, { training })).toEqual(jittered)
    expect(pass(router, { training: { ...training, seed: 12 } })).not.toEqual(jittered)
    expect(pass(router)).toEqual(plain)
    const moved = jittered.indices.filter((e, i) => e !== plain.indices[i])
    expect(moved.length).toBeLessThan((R * K) / 4)
  })

  test('uniform warm-up begins in turn, falls, and ends with the router alone', () => {
    const router = newRouter({ warmup: 0.2, warmup_by: 'uniform' })
    const changed = (progress: number): number => {
      const { indices } = pass(router, { training: { progress, seed: 5 } })
      return indices.filter((e, i) => e !== plain.indices[i]).length
    }
    expect(pass(router, { training: { progress: 0, seed: 5 } }).counts).toEqual(Array<number>(E).fill((K * R) / E))
    expect(changed(0.15)).toBeGreaterThan(0)
    expect(changed(0.15)).toBeLessThan(changed(0.05))
    expect(changed(0.2)).toBe(0)
  })

  test('temperature warm-up makes weights more alike and keeps the choice', () => {
    const warm = pass(newRouter({ warmup: 0.2, warmup_by: 'temperature' }), { training: { progress: 0.1, seed: 5 } })
    expect(warm.indices).toEqual(plain.indices)
    for (let row = 0; row < R; row++) expect(warm.weights[row * K]).toBeLessThanOrEqual(plain.weights[row * K])
  })
})

describe('the bias', () => {
  const router = newRouter({ balance: 'bias', bias_rate: 0.05 })
  const first = pass(router)

  test('changes who is chosen, and of an equal choice no weight', () => {
    expect(first).toEqual(plain)
    for (let step = 0; step < 20; step++) {
      using _scope = memoryScope()
      router.observe(router.forward(fromArray(rows, [R, D]), { training }))
      router.endStep(0.5)
    }
    const steered = pass(router)
    expect(Math.max(...steered.counts)).toBeLessThan(Math.max(...plain.counts))
    let same = 0
    for (let row = 0; row < R; row++) {
      const [a, b] = [first, steered].map(({ indices, weights }) =>
        [0, 1].map((j) => [indices[row * K + j], weights[row * K + j]]).sort((x, y) => x[0] - y[0]),
      )
      if (a[0][0] !== b[0][0] || a[1][0] !== b[1][0]) continue
      same++
      expect(b).toEqual(a)
    }
    expect(same).toBeGreaterThan(0)
    expect(same).toBeLessThan(R)
  })

  test('is state: a buffer that is saved, and none of the weights', () => {
    expect(router.buffers.map(({ name, transient }) => [name, transient])).toEqual([
      ['model.layers.0.router.e_score_correction_bias', false],
    ])
    const { data } = router.buffers[0]
    expect(data.some((b) => b !== 0)).toBe(true)
    expect(data.reduce((sum, b) => sum + b, 0)).toBeCloseTo(0, 5)
    expect(router.weights.map(({ parameter }) => parameter.name).join()).not.toMatch(/bias/)
  })
})

test('round robin loads all experts alike, in training and elsewhere', () => {
  const router = newRouter({ choice: 'round-robin', balance: 'none' })
  for (const options of [{}, { training }]) {
    expect(pass(router, options).counts).toEqual(Array<number>(E).fill((K * R) / E))
  }
})

test('groups limit the choice in training and elsewhere', () => {
  const router = newRouter({ groups: 4, top_groups: 1 })
  for (const options of [{}, { training }]) {
    const { indices } = pass(router, options)
    for (let row = 0; row < R; row++) {
      expect(Math.floor(indices[row * K] / 2)).toBe(Math.floor(indices[row * K + 1] / 2))
    }
  }
})

test('weights sum to 1, or are the scores themselves', () => {
  for (const score of ['softmax', 'sigmoid'] as const) {
    const sums = (renormalise: boolean) => {
      const { weights } = pass(newRouter({ score, renormalise }))
      return Array.from({ length: R }, (_, row) => weights[row * K] + weights[row * K + 1])
    }
    for (const sum of sums(true)) expect(sum).toBeCloseTo(1, 5)
    for (const sum of sums(false)) expect(sum).toBeLessThan(score === 'softmax' ? 1 : K)
    expect(sums(false).some((sum) => sum < 0.95)).toBe(true)
  }
})

test('without a learned factor there is one weight less, and the same choice', () => {
  const router = newRouter({ expert_scale: false })
  expect(router.weights).toHaveLength(2)
  expect(pass(router)).toEqual(plain)
})
