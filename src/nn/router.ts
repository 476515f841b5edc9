// The router: which experts a token meets, and with what weight.
//
// `Router` is all that a block knows; another way of routing is another class behind it. This one is
// Gemma 4's: the un-normalised residual x goes through a norm without weight, a learned vector and D^-1/2,
// then one matrix, softmax (or sigmoid) in f32, the top k renormalised to sum 1, times a learned factor per expert.
// The balance loss (Switch, Fedus et al. 2021, eq. 4-6, top-k form) and the z-loss (ST-MoE, Zoph et al. 2022,
// eq. 5) enter through the gradient of the op; their values are only reported. What departs from this, by
// `RoutingConfig`, is put together here from routerChoice.ts (who is chosen), routerBalance.ts (state that steers the
// choice) and routerWarmup.ts.
// Shapes: R rows, D width, E experts, K experts a token.
import { jitter, linear, type RouteResult, rmsNorm, route, scale } from '../ops/index.ts'
import type { Tensor } from '../tensor/index.ts'
import { RouterBalance, type RouterBuffer } from './routerBalance.ts'
import { chooser } from './routerChoice.ts'
import { defaultRouting, type RoutingConfig } from './routingConfig.ts'
import { warmUp } from './routerWarmup.ts'
import { matrixWeight, vectorWeight, type Weight } from './weight.ts'

/** Weights f32 [R,K], the dispatch plan, how many tokens each expert got, and the two losses. */
export type Routing = RouteResult

/** What a router may do in a step of training only. */
export interface RouterTraining {
  /** Share of the run that is done, 0 to 1: warm-up follows it. */
  progress: number
  /** Jitter and uniform routing are drawn from it: equal seeds, equal choices. */
  seed: number
}

/** What a forward pass is told beside x. */
export interface RoutingPass {
  /** Factor on the router's losses (a micro-batch's share of the step). Default 1. */
  lossWeight?: number
  /** Rows of a sequence, for a balance loss over each. Default: all rows are one. */
  time?: number
  /** [R]: 1 where a row is padding, which counts for no load and no loss. Default: none is. */
  padding?: Uint8Array
  /** Given in training; without it nothing is drawn, nothing dropped, and every row chooses its experts. */
  training?: RouterTraining
}

/** Chooses experts for the rows of x. */
export interface Router {
  readonly weights: Weight[]
  /** State that no gradient moves; what is not `transient` belongs to the model and is saved with it. */
  readonly buffers: RouterBuffer[]
  /** x [R, D], the residual stream before the expert branch's norm. */
  forward(x_RD: Tensor, pass?: RoutingPass): Routing
  /** Takes in what one forward pass of the step has done. */
  observe(routing: Routing): void
  /** Ends a step of training: the buffers follow what was observed, or forget it (`progress` null). */
  endStep(progress: number | null): void
}

export interface TopKRouterOptions {
  hiddenSize: number
  experts: number
  topK: number
  eps: number
  /** Weights of the balance loss and the z-loss in training. */
  balanceCoefficient: number
  zCoefficient: number
  /** Default Gemma 4's. */
  routing?: RoutingConfig
}

export class TopKRouter implements Router {
  readonly options: TopKRouterOptions & { routing: RoutingConfig }
  readonly scale: Weight
  readonly projection: Weight
  /** Null where weights have no learned factor. */
  readonly expertScale: Weight | null
  readonly #balance: RouterBalance
  /** Sets layers apart that draw from one seed. */
  readonly #salt: number

  constructor(name: string, { routing = { ...defaultRouting }, ...options }: TopKRouterOptions) {
    this.options = { ...options, routing }
    this.scale = vectorWeight(`${name}.scale`, options.hiddenSize, 'scale')
    this.projection = matrixWeight(`${name}.proj.weight`, [options.experts, options.hiddenSize], 'router')
    this.expertScale = routing.expert_scale ? vectorWeight(`${name}.per_expert_scale`, options.experts, 'scale') : null
    this.#balance = new RouterBalance(name, { ...options, routing })
    this.#salt = saltOf(name)
  }

  get weights(): Weight[] {
    return [this.scale, this.projection, ...(this.expertScale ? [this.expertScale] : [])]
  }

  get buffers(): RouterBuffer[] {
    return this.#balance.buffers
  }

  forward(x_RD: Tensor, { lossWeight = 1, time, padding, training }: RoutingPass = {}): Routing {
    const { topK, experts, eps, hiddenSize, balanceCoefficient, zCoefficient, routing } = this.options
    const { bias, loads } = this.#balance
    const warm = warmUp(routing, training?.progress)
    const seed = training ? (training.seed ^ this.#salt) >>> 0 : 0
    // in f32 throughout: a bf16 router flips choices between near-equal experts
    let input_RD = rmsNorm(x_RD, this.scale.parameter, { eps, outDtype: 'f32' })
    if (training && routing.jitter > 0) input_RD = jitter(input_RD, { amount: routing.jitter, seed })
    const raw_RE = linear(input_RD, this.projection.parameter, { compute: 'f32', outDtype: 'f32' })
    return route(scale(raw_RE, hiddenSize ** -0.5 / warm.temperature), {
      topK,
      sigmoid: routing.score === 'sigmoid',
      renormalise: routing.renormalise,
      expertScale: this.expertScale?.parameter,
      bias,
      padding,
      balanceCoefficient: balanceCoefficient * lossWeight * warm.balance,
      zCoefficient: zCoefficient * lossWeight,
      sequence: routing.aux_scope === 'sequence' ? time : undefined,
      loads,
      choose: chooser(routing, {
        ...{ experts, topK, bias, padding, seed, uniform: warm.uniform },
        training: training !== undefined,
      }),
      keepScores: training !== undefined && this.#balance.needsScores,
    })
  }

  observe(routing: Routing): void {
    this.#balance.observe(routing)
  }

  endStep(progress: number | null): void {
    this.#balance.endStep(progress)
  }
}

/** A number from a name (FNV-1a, 32 bits). */
function saltOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
