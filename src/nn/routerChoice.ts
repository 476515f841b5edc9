// Who is chosen, by `RoutingConfig`: the function that the op `route` calls with the probabilities of a batch, or null
// where the plain top K of its kernel is all there is.
//
// Capacity, expert choice and warm-up act in training alone. Dropping depends on which rows share a batch, and expert
// choice on rows to come; outside training every row has the experts it asks for, so that a token written alone
// computes what it computes in its text (docs/decisions/011-routing.md).
import { type Choice, dropOverflow, expertChoice, groupedTopK, roundRobin, wholeChoice } from '../ops/index.ts'
import type { RoutingConfig } from './routingConfig.ts'

export interface ChooserOptions {
  experts: number
  topK: number
  bias: Float32Array | null
  padding?: Uint8Array
  /** Whether this is a step of training. */
  training: boolean
  /** Share of rows that go round the experts in turn, and what they are drawn with. */
  uniform: number
  seed: number
}

type Chooser = (probs: Float32Array, top: Int32Array) => Choice

/** What to give to `route` as `choose`. */
export function chooser(routing: RoutingConfig, options: ChooserOptions): Chooser | null {
  const { choice, groups, capacity } = routing
  const { training, uniform } = options
  const isLimited = training && (choice === 'expert' || capacity > 0)
  if (choice !== 'round-robin' && groups === 1 && !isLimited && uniform === 0) return null
  return (probs, top) => {
    const shape = { rows: probs.length / options.experts, experts: options.experts }
    if (choice === 'expert' && training && uniform === 0) {
      return expertChoice(probs, shape, { ...options, capacity: capacityOf(routing, shape, options) })
    }
    const whole = wholeChoice(rowsChoose(routing, probs, top, shape, options), options.topK)
    if (!training || capacity === 0 || choice !== 'token') return whole
    return dropOverflow(whole, probs, shape, {
      capacity: capacityOf(routing, shape, options),
      by: routing.drop,
      padding: options.padding,
    })
  }
}

/** Rows an expert takes at most: ceil(factor * K * rows / E), at least 1 (GShard; Megatron). */
export function capacityOf(
  { capacity }: Pick<RoutingConfig, 'capacity'>,
  { rows, experts }: { rows: number; experts: number },
  { topK, padding }: Pick<ChooserOptions, 'topK' | 'padding'>,
): number {
  const counted = padding ? padding.reduce((left, isPadding) => left - isPadding, rows) : rows
  return Math.max(1, Math.ceil(((capacity || 1) * topK * counted) / experts))
}

function rowsChoose(
  { choice, groups, top_groups }: RoutingConfig,
  probs: Float32Array,
  top: Int32Array,
  { rows, experts }: { rows: number; experts: number },
  { topK, bias, uniform, seed }: ChooserOptions,
): Int32Array {
  if (choice === 'round-robin') return roundRobin(rows, experts, topK)
  const chosen =
    groups > 1 ? groupedTopK(probs, { rows, experts }, { topK, groups, topGroups: top_groups, bias }) : top.slice()
  if (uniform === 0) return chosen
  // every row has its number; those below the share take the next experts in turn
  const inTurn = roundRobin(rows, experts, topK, seed % experts)
  let next = 0
  for (let row = 0; row < rows; row++) {
    if (numberOf(row, seed) >= uniform) continue
    for (let j = 0; j < topK; j++) chosen[row * topK + j] = inTurn[next++]
  }
  return chosen
}

/** Uniform in [0, 1) for a row. */
function numberOf(row: number, seed: number): number {
  let x = Math.imul(row + 1, 0x9e3779b9) ^ seed
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
}
