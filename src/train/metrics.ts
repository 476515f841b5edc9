// Figures of a step that are more than a sum.
import type { Routing } from '../nn/index.ts'

/** Load of the experts of each layer, and the two router losses, means over layers and micro-batches. */
export interface RoutingMetrics {
  balance: number
  balancePerLayer: number[]
  expertTokens: number[][]
  balanceLoss: number
  routerZLoss: number
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

/** Adds up what the routers of several micro-batches did; loads are taken over the whole step. */
export class RoutingMeter {
  #counts: Float64Array[] = []
  #balanceLoss = 0
  #zLoss = 0
  #seen = 0

  add(routings: Routing[]): void {
    routings.forEach(({ counts, balanceLoss, zLoss }, layer) => {
      const total = (this.#counts[layer] ??= new Float64Array(counts.length))
      counts.forEach((count: number, expert: number) => {
        total[expert] += count
      })
      this.#balanceLoss += balanceLoss
      this.#zLoss += zLoss
      this.#seen++
    })
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
    }
  }
}
