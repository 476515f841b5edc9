import { describe, expect, test } from 'vitest'
import { accountFor, flopsPerToken, type ModelConfig, preset, withRouting } from '../model/index.ts'
import { ablations, variantsOf } from './compareVariants.ts'

const { config, time } = preset('nano')
const changed = (routing: string): ModelConfig => withRouting(config, routing)
const inRouter = ({ num_experts: experts, hidden_size: dim, num_hidden_layers: layers }: ModelConfig): number =>
  6 * experts * dim * layers

describe.each(ablations)('the ablation %s', (ablation) => {
  const variants = variantsOf(ablation, config)

  test('gives configs that can be trained, each under its own name', () => {
    expect(variants.length).toBeGreaterThan(0)
    expect(new Set(variants.map(({ name }) => name)).size).toBe(variants.length)
    for (const { routing } of variants) expect(changed(routing).enable_moe_block).toBe(true)
  })

  test('keeps the FLOPs of a token, those of the router apart', () => {
    const less = (each: ModelConfig): number => flopsPerToken(each, time) - inRouter(each)
    for (const { routing } of variants) expect(less(changed(routing))).toBe(less(config))
  })
})

test('finer experts hold as many weights, more experts more of them', () => {
  const experts = (each: ModelConfig): number => accountFor(each).parameters.parts.experts.total
  for (const { routing } of variantsOf('top-k', config)) expect(experts(changed(routing))).toBe(experts(config))
  const growing = variantsOf('experts', config).map(({ routing }) => experts(changed(routing)))
  expect(growing.map((each) => each / experts(config))).toEqual([0.5, 1, 2, 4])
})

test('what a shape does not allow is left out', () => {
  const odd = withRouting(config, 'experts=9,top-k=3,expert-width=50')
  // thirds of 9 experts: only some of 1, 2, 4, 8 divide evenly
  for (const { routing } of variantsOf('top-k', odd)) expect(() => withRouting(odd, routing)).not.toThrow()
  expect(variantsOf('shared', withRouting(config, 'shared=off'))).toEqual([])
  expect(variantsOf('upcycle', withRouting(config, 'shared=off'))).toEqual([])
})
