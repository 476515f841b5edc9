// The router: which experts a token meets, and with what weight.
//
// `Router` is all that a block knows; another way of routing is another class behind it. This one is
// Gemma 4's: the un-normalised residual x goes through a norm without weight, a learned vector and D^-1/2,
// then one matrix, softmax in f32, the top k renormalised to sum 1, times a learned factor per expert.
// The balance loss (Switch, Fedus et al. 2021, eq. 4-6, top-k form) and the z-loss (ST-MoE, Zoph et al. 2022,
// eq. 5) enter through the gradient of the op; their values are only reported.
// Shapes: R rows, D width, E experts, K experts a token.
import { linear, type RouteResult, rmsNorm, route, scale } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { matrixWeight, vectorWeight, type Weight } from './weight.ts'

/** Weights f32 [R,K], the dispatch plan, how many tokens each expert got, and the two losses. */
export type Routing = RouteResult

/** Chooses experts for the rows of x. */
export interface Router {
  readonly weights: Weight[]
  /** x [R, D], the residual stream before the expert branch's norm; lossWeight multiplies the router's losses. */
  forward(x_RD: Tensor, lossWeight?: number): Routing
}

export interface TopKRouterOptions {
  hiddenSize: number
  experts: number
  topK: number
  eps: number
  /** Weights of the balance loss and the z-loss in training. */
  balanceCoefficient: number
  zCoefficient: number
}

export class TopKRouter implements Router {
  readonly options: TopKRouterOptions
  readonly scale: Weight
  readonly projection: Weight
  readonly expertScale: Weight

  constructor(name: string, options: TopKRouterOptions) {
    this.options = options
    this.scale = vectorWeight(`${name}.scale`, options.hiddenSize, 'scale')
    this.projection = matrixWeight(`${name}.proj.weight`, [options.experts, options.hiddenSize], 'router')
    this.expertScale = vectorWeight(`${name}.per_expert_scale`, options.experts, 'scale')
  }

  get weights(): Weight[] {
    return [this.scale, this.projection, this.expertScale]
  }

  forward(x_RD: Tensor, lossWeight = 1): Routing {
    const { topK, eps, hiddenSize, balanceCoefficient, zCoefficient } = this.options
    // in f32 throughout: a bf16 router flips choices between near-equal experts
    const normed_RD = rmsNorm(x_RD, this.scale.parameter, { eps, outDtype: 'f32' })
    const raw_RE = linear(normed_RD, this.projection.parameter, { compute: 'f32', outDtype: 'f32' })
    return route(scale(raw_RE, hiddenSize ** -0.5), {
      topK,
      renormalise: true,
      expertScale: this.expertScale.parameter,
      balanceCoefficient: balanceCoefficient * lossWeight,
      zCoefficient: zCoefficient * lossWeight,
    })
  }
}
