// What the routers of a training did in its last fifth, in five numbers, from its record (routing.jsonl).
import type { RoutingSummary } from './compareTypes.ts'
import { maxViolation } from './metrics.ts'
import type { RoutingRecordStep } from './routingRecord.ts'

/** Share of the steps, from the end, that is looked at. */
const window = 0.2
/** An expert with less than this share of an even load counts as dead. */
const deadShare = 0.01

/** @param pairsPerStep (token, expert) pairs of one layer and step, K times the tokens; null for an empty record */
export function summariseRouting(steps: readonly RoutingRecordStep[], pairsPerStep: number): RoutingSummary | null {
  const last = steps.slice(Math.floor(steps.length * (1 - window)))
  const layers = last[0]?.layers.length ?? 0
  if (layers === 0) return null
  const loads = Array.from({ length: layers }, (_, layer) => totalLoad(last, layer))
  const all = last.flatMap((step) => step.layers)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    maxViolation: mean(all.map(({ load }) => maxViolation(load))),
    entropy: mean(loads.map(loadEntropy)),
    deadExperts: loads.reduce(
      (count, load) => count + load.filter((tokens) => tokens < deadShare * mean(load)).length,
      0,
    ),
    experts: loads.reduce((count, load) => count + load.length, 0),
    dropped: mean(all.map(({ dropped }) => (Number.isFinite(dropped) ? dropped / pairsPerStep : 0))),
  }
}

/**
 * What each expert of a layer got in all of these steps, of which there must be one. Single steps are less even: neighbouring
 * tokens are alike.
 */
export function totalLoad(steps: readonly RoutingRecordStep[], layer: number): number[] {
  return steps[0].layers[layer].load.map((_, expert) =>
    steps.reduce((sum, step) => sum + step.layers[layer].load[expert], 0),
  )
}

/** Entropy of shares over ln E: 1 when even, 0 when one expert gets all. */
function loadEntropy(load: readonly number[]): number {
  const total = load.reduce((sum, tokens) => sum + tokens, 0)
  const entropy = load.reduce(
    (sum, tokens) => (tokens > 0 ? sum - (tokens / total) * Math.log(tokens / total) : sum),
    0,
  )
  return load.length > 1 ? entropy / Math.log(load.length) : 1
}
