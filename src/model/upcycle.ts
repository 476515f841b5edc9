// Upcycling: a sparse model from a trained dense one, which computes at first what the dense one computes
// (Komatsuzaki et al. 2023, 2212.05055).
//
// Every expert is the dense MLP. What a block mixes then is the dense block's, because of the norms on its way out:
//
//   shared off       sum of weights * Mlp(pre(x1)) = c * m        post_ff(c m) = post_ff(m): the norm undoes the factor
//   dense MLP kept   d = norm(m), e = norm(m) (post_1 = post_2 = 1, pre_2 = pre)      post_ff(d + e) = post_ff(m)
//   norm first       with shared off, sum of weights * post_ff(m): the learned factors bring that sum to 1
//   narrower experts each has some of the MLP's units, and post_2 = 0: e = 0 until training has use for it
//
// m is the dense MLP's output, norm the RMS norm without factors; only its epsilon keeps this from being exact. The router
// is drawn as ever; all else is copied by name. Noise on the experts, a share of each matrix's own size, sets them apart
// at once; without it they part by meeting different tokens.
import type { Experts, Mlp, Weight } from '../nn/index.ts'
import { PolluxError, type Rng } from '../util/index.ts'
import type { Block } from './block.ts'
import type { Decoder } from './decoder.ts'
import { type Model, MultimodalModel, newModel } from './multimodal.ts'
import { withRouting } from './routingSpec.ts'

export interface UpcycleOptions {
  /** Draws routers and noise. */
  rng: Rng
  /** Deviation of the noise on expert matrices, as a share of their root mean square. Default 0. */
  noise?: number
}

/**
 * A sparse model with the weights of a dense one, which stays as it is.
 *
 * @param routing as for `withRouting`, `experts=N` at least; experts are as wide as the dense MLP unless told
 * @throws PolluxError where the model is not dense or the shapes do not allow it
 */
export function upcycle(dense: Model, routing: string, { rng, noise = 0 }: UpcycleOptions): Model {
  const source = dense.textConfig
  if (source.enable_moe_block) {
    throw new PolluxError(`upcycle: the model must be dense, got one with ${source.num_experts} experts`, {
      hint: 'npx pollux train --routing experts=0 trains a dense one',
    })
  }
  const text = withRouting(source, routing)
  const { intermediate_size: kept } = text
  if (!text.enable_moe_block) throw new PolluxError('upcycle: routing must give the model experts, got experts=0')
  if (kept !== 0 && kept !== source.intermediate_size) {
    throw new PolluxError(`upcycle: shared must be off or the dense MLP's ${source.intermediate_size}, got ${kept}`)
  }
  const model = newModel(dense instanceof MultimodalModel ? { ...dense.config, text_config: text } : text)
  model.initialise(rng)
  copyWeights(dense, model)
  const [from, to] = [trunk(dense), trunk(model)]
  to.blocks.forEach((block, layer) => fillBlock(block, from.blocks[layer], { rng, noise }))
  if (kept === 0) evenWeights(to)
  return model
}

function trunk(model: Model) {
  return model instanceof MultimodalModel ? model.text : model
}

/** Copies what both have under one name. */
function copyWeights(from: Model, to: Model): void {
  const weightsOf = (model: Model): Weight[] =>
    model instanceof MultimodalModel ? [...model.weights, ...model.frozen] : model.weights
  const known = new Map(weightsOf(from).map(({ parameter }) => [parameter.name, parameter]))
  for (const { parameter } of weightsOf(to)) {
    const source = known.get(parameter.name)
    if (!source) continue
    parameter.data.set(source.data)
    parameter.touch()
  }
}

/** Makes the weights of a row sum to 1 where no norm undoes their size, as near as an untrained router's scores are even. */
function evenWeights({ config, routers }: Decoder): void {
  const { norm_first, renormalise, expert_scale, score } = config.routing
  if (!norm_first || renormalise) return
  if (!expert_scale) {
    throw new PolluxError('upcycle: expert-scale must be on where weights of norm-first are not renormalised, got off')
  }
  const even = score === 'softmax' ? 1 / config.num_experts : 0.5
  for (const { parameter } of routers.flatMap(({ weights }) => weights)) {
    if (!parameter.name.endsWith('.per_expert_scale')) continue
    parameter.data.fill(1 / (even * config.top_k_experts))
    parameter.touch()
  }
}

function fillBlock(block: Block, dense: Block, { rng, noise }: { rng: Rng; noise: number }): void {
  const { sparse } = block
  if (!sparse || !dense.mlp) return
  block.layerScalar = dense.layerScalar
  const isWhole = fillExperts(sparse.experts, dense.mlp)
  for (const { parameter } of sparse.experts.weights) {
    const spread = noise * rootMeanSquare(parameter.data)
    if (spread > 0) for (let i = 0; i < parameter.data.length; i++) parameter.data[i] += spread * rng.normal()
    parameter.touch()
  }
  const { beside } = sparse
  if (!beside) {
    if (!isWhole) throw narrow(dense.mlp, sparse.experts, 'where no dense MLP is kept')
    return
  }
  beside.preNorm.weight.parameter.data.set(dense.preFeedforwardNorm.weight.parameter.data)
  beside.densePostNorm.weight.parameter.data.fill(1)
  beside.postNorm.weight.parameter.data.fill(isWhole ? 1 : 0)
  for (const { weight } of [beside.preNorm, beside.densePostNorm, beside.postNorm]) weight.parameter.touch()
}

/** Copies the MLP into every expert, or into each of them its share of the hidden units. Whether all units fitted. */
function fillExperts(experts: Experts, mlp: Mlp): boolean {
  const [count, twice, dim] = experts.gateUp.parameter.shape
  const [width, full] = [twice / 2, mlp.down.parameter.shape[1]]
  if (width > full) throw narrow(mlp, experts, 'or less')
  const [gateUp, down] = [mlp.gateUp.parameter.data, mlp.down.parameter.data]
  const [toGateUp, toDown] = [experts.gateUp.parameter.data, experts.down.parameter.data]
  for (let e = 0; e < count; e++) {
    for (let i = 0; i < width; i++) {
      // units in turn, so that all are somewhere as soon as the experts together are as wide as the MLP
      const unit = (e * width + i) % full
      for (const half of [0, 1]) {
        const row = gateUp.subarray((half * full + unit) * dim, (half * full + unit + 1) * dim)
        toGateUp.set(row, ((e * 2 + half) * width + i) * dim)
      }
      for (let d = 0; d < dim; d++) toDown[(e * dim + d) * width + i] = down[d * full + unit]
    }
  }
  return width === full
}

function narrow(mlp: Mlp, experts: Experts, when: string): PolluxError {
  const [full, width] = [mlp.down.parameter.shape[1], experts.down.parameter.shape[2]]
  return new PolluxError(`upcycle: experts must be as wide as the dense MLP, ${full}, ${when}; got ${width}`)
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length))
}
