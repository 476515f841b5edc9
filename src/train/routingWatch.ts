// Watches the routers of a run and says when one collapses, which layer it is, and the setting that would help.
//
// A figure must be bad for `patience` steps in a row: single steps are noisy, and the first ones are uneven in every
// run. Each trouble of a layer is told once; when it has passed and comes back, again.
//
//   overload   one expert takes far more than its share: the others learn less, and a step waits for the largest group
//   dead       experts got no token in `deadAfter` steps: their weights are held in memory for nothing
//   entropy    the mean distribution narrows to a few experts: the stage before the two above
//   margin     scores are all alike, so that rounding decides: the router has no say (also the trap of sigmoid scores,
//              which a balance loss can push to 0 all together)
//   drops      a capacity drops many pairs: those tokens pass through the residual alone
import type { ModelConfig } from '../model/index.ts'

export type RoutingTrouble = 'overload' | 'dead' | 'entropy' | 'margin' | 'drops'

/** Something that began to go wrong. */
export interface RoutingAlert {
  trouble: RoutingTrouble
  /** Of the layers with experts, from 0. */
  layer: number
  step: number
  /** MaxVio, number of experts, share of the largest entropy, mean margin, or share of pairs. */
  value: number
  /** What happened, naming the layer. */
  text: string
  /** The setting that would help. */
  advice: string
}

/** What is watched of one router in one step. */
export interface WatchedRouter {
  load: readonly number[]
  maxVio: number
  entropy: number
  margin: number
  dropped: number
}

/** Steps in a row that a figure must be bad. */
const patience = 50
/** Steps without a token after which an expert counts as dead. */
export const deadAfter = 100
/** MaxVio that is bad; or this share of the worst possible, E/K - 1, where that is less. */
const [highMaxVio, shareOfWorst] = [3, 0.75]
/** Share of ln E under which the mean distribution is narrow (half of 16 experts hold all: 0.75). */
const lowEntropy = 0.6
/** Margin, as a share of the mean probability 1/E, under which scores are all alike. */
const lowMargin = 1e-3
/** Share of pairs dropped that is much. */
const manyDrops = 0.2

interface Layer {
  /** Steps in a row that each trouble has lasted. */
  lasted: Record<Exclude<RoutingTrouble, 'dead'>, number>
  /** Steps since each expert had a token. */
  idle: Int32Array
  /** Dead experts that were told. */
  toldDead: number
}

export class RoutingWatch {
  readonly #config: Pick<ModelConfig, 'num_experts' | 'top_k_experts'>
  readonly #advice: Record<RoutingTrouble, string>
  readonly #layers: Layer[] = []

  constructor(config: ModelConfig) {
    this.#config = config
    this.#advice = routingAdvice(config)
  }

  /** Takes in a step; returns what it made certain. */
  step(step: number, routers: readonly WatchedRouter[]): RoutingAlert[] {
    return routers.flatMap((router, layer) => {
      const state = (this.#layers[layer] ??= newLayer(router.load.length))
      const steady = this.#troubles(router).filter(({ trouble, bad }) => {
        state.lasted[trouble] = bad ? state.lasted[trouble] + 1 : 0
        return state.lasted[trouble] === patience
      })
      return [...steady, ...dead(router, state)].map(({ trouble, value, what }) => {
        const text = `layer ${layer}: ${what}`
        return { trouble, layer, step, value, text, advice: this.#advice[trouble] }
      })
    })
  }

  /** Experts of a layer that had no token in the last `deadAfter` steps. */
  dead(layer: number): number {
    return this.#layers[layer]?.idle.filter((steps) => steps >= deadAfter).length ?? 0
  }

  #troubles({ load, maxVio, entropy, margin, dropped }: WatchedRouter) {
    const { num_experts: E, top_k_experts: K } = this.#config
    // what is dropped was chosen first
    const pairs = load.reduce((sum, count) => sum + count, 0)
    return [
      {
        trouble: 'overload' as const,
        bad: maxVio > Math.min(highMaxVio, shareOfWorst * (E / K - 1)),
        value: maxVio,
        what: `expert ${load.indexOf(Math.max(...load))} has had most tokens for ${patience} steps, now ${(maxVio + 1).toFixed(1)} times the mean`,
      },
      {
        trouble: 'entropy' as const,
        bad: entropy < lowEntropy,
        value: entropy,
        what: `the router's probability lies on few experts, at ${Math.round(100 * entropy)}% of the largest entropy`,
      },
      {
        trouble: 'margin' as const,
        bad: margin * E < lowMargin,
        value: margin,
        what: `the router tells its experts apart by ${margin.toExponential(1)} only`,
      },
      {
        trouble: 'drops' as const,
        bad: dropped > manyDrops * pairs,
        value: pairs > 0 ? dropped / pairs : 0,
        what: `${Math.round((100 * dropped) / Math.max(1, pairs))}% of (token, expert) pairs are dropped`,
      },
    ]
  }
}

function newLayer(experts: number): Layer {
  return {
    lasted: { overload: 0, entropy: 0, margin: 0, drops: 0 },
    idle: new Int32Array(experts),
    toldDead: 0,
  }
}

/** Dead experts, when there are more of them than were told. */
function dead({ load }: WatchedRouter, state: Layer) {
  load.forEach((count, expert) => (state.idle[expert] = count > 0 ? 0 : state.idle[expert] + 1))
  const experts = [...state.idle.keys()].filter((expert) => state.idle[expert] >= deadAfter)
  const known = state.toldDead
  state.toldDead = experts.length
  if (experts.length <= known) return []
  const shown = experts.slice(0, 8).join(', ') + (experts.length > 8 ? ', ...' : '')
  const what = `${experts.length} of ${load.length} experts (${shown}) have had no token for ${deadAfter} steps`
  return [{ trouble: 'dead' as const, value: experts.length, what }]
}

/** What to change, as `pollux train --routing` takes it. */
function routingAdvice({ routing, router_aux_loss_coef: aux, router_z_loss_coef: z }: ModelConfig) {
  const even = moreBalance(routing, aux)
  const loosen = `lower the weights of the router's losses, --routing aux=${times(aux, 0.1)},z=${times(z, 0.1)}`
  return {
    overload: even,
    dead: `${even}, or train fewer experts`,
    entropy: `${even}, or lower --lr`,
    margin: routing.score === 'sigmoid' ? `${loosen}, or take --routing score=softmax` : loosen,
    drops: `raise --routing capacity=${times(routing.capacity, 2)}, or drop nothing with capacity=0`,
  }
}

function moreBalance({ balance, bias_rate: rate }: ModelConfig['routing'], aux: number): string {
  if (balance === 'bias') return `raise --routing bias-rate=${times(rate, 10)}`
  if (balance === 'none') return 'balance the loads with --routing balance=bias or balance=aux'
  if (balance === 'aux' && aux > 0) return `raise --routing aux=${times(aux, 10)}, or take balance=bias`
  return 'add a balance loss, --routing aux=0.01, or take balance=bias'
}

/** A product without the noise of binary fractions. */
function times(value: number, factor: number): number {
  return Number((value * factor).toPrecision(3))
}
