// Figures of a step that are more than a sum.
import type { Routing } from '../nn/index.ts'
import { entropyOf } from '../ops/index.ts'

/** Load of the experts of each layer, and the two router losses, means over layers and micro-batches. */
export interface RoutingMetrics {
  balance: number
  balancePerLayer: number[]
  expertTokens: number[][]
  balanceLoss: number
  routerZLoss: number
  /** What else is known of each router; empty where routers were not sampled (`routeSampling`). */
  routers: RouterMetrics[]
}

/** One router over a step. Entropies are shares of the largest possible, ln E: 1 where all experts are alike. */
export interface RouterMetrics {
  /** Of the mean distribution over experts: low where few experts hold most of the probability. */
  entropy: number
  /** Mean over rows of the entropy of a row: low where the router is sure. */
  rowEntropy: number
  /** Mean of the last chosen score less the best one left out; NaN where every expert is chosen. */
  margin: number
  /** (Token, expert) pairs dropped by a capacity. */
  dropped: number
}

/** Nats over tokens -> bits over the bytes those tokens stand for. */
export function bitsPerByte(totalNats: number, numBytes: number): number {
  return totalNats / Math.LN2 / numBytes
}

/** MaxVio: how far the fullest expert lies above the mean, as a share of it (Wang et al. 2024, 2408.15664). */
export function maxViolation(counts: ArrayLike<number>): number {
  let [max, sum] = [0, 0]
  for (let i = 0; i < counts.length; i++) {
    max = Math.max(max, counts[i])
    sum += counts[i]
  }
  return sum === 0 ? 0 : (max * counts.length) / sum - 1
}

/** Sums of one router's figures over micro-batches; those of the sample weighted with its rows. */
interface RouterSums {
  probs: Float64Array
  rows: number
  rowEntropy: number
  margin: number
  dropped: number
}

/** Adds up what the routers of several micro-batches did; loads are taken over the whole step. */
export class RoutingMeter {
  #counts: Float64Array[] = []
  #routers: RouterSums[] = []
  #balanceLoss = 0
  #zLoss = 0
  #seen = 0

  add(routings: Routing[]): void {
    routings.forEach((routing, layer) => {
      const { counts, balanceLoss, zLoss } = routing
      const total = (this.#counts[layer] ??= new Float64Array(counts.length))
      counts.forEach((count: number, expert: number) => {
        total[expert] += count
      })
      this.#balanceLoss += balanceLoss
      this.#zLoss += zLoss
      this.#seen++
      this.#addRouter(layer, routing)
    })
  }

  #addRouter(layer: number, { sample, probSums, counts, dropped = 0 }: Routing): void {
    if (!sample || !probSums) return
    const zero = { probs: new Float64Array(counts.length), rows: 0, rowEntropy: 0, margin: 0, dropped: 0 }
    const sums = (this.#routers[layer] ??= zero)
    probSums.forEach((p, expert) => (sums.probs[expert] += p))
    sums.rows += sample.rows
    sums.rowEntropy += sample.rows * sample.rowEntropy
    sums.margin += sample.rows * sample.margin
    sums.dropped += dropped
  }

  result(): RoutingMetrics {
    const balancePerLayer = this.#counts.map(maxViolation)
    const mean = (sum: number, count: number): number => (count === 0 ? 0 : sum / count)
    return {
      balance: mean(
        balancePerLayer.reduce((sum, x) => sum + x, 0),
        balancePerLayer.length,
      ),
      balancePerLayer,
      expertTokens: this.#counts.map((counts) => Array.from(counts)),
      balanceLoss: mean(this.#balanceLoss, this.#seen),
      routerZLoss: mean(this.#zLoss, this.#seen),
      routers: this.#routers.map(({ probs, rows, rowEntropy, margin, dropped }) => ({
        entropy: entropyOf(probs) / Math.log(probs.length),
        rowEntropy: rowEntropy / rows / Math.log(probs.length),
        margin: margin / rows,
        dropped,
      })),
    }
  }
}
