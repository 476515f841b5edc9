// What the balance loss of route.ts is taken over: all rows, or each sequence of them, without rows of padding.
//
//   loss = mean over sequences of E sum_i f_i P_i       d loss / d p_i of a counted row = E f_i / (rows * sequences)
//
// Without sequences and padding the kernel has counted already and nothing is counted again.
// Shapes: R rows, E experts, K slots a row.
import type { Choice } from './routeChoice.ts'

/** A stretch of rows with its own loads. */
export interface Span {
  first: number
  rows: number
  /** Rows that are no padding. */
  counted: number
  /** [E]: their pairs by expert, and all of them. */
  counts: Int32Array
  pairs: number
  /** [E]: sum over them of probabilities that sum to 1 in each row. */
  probSums: Float32Array
}

/** What a pass has computed for all rows; counts and probSums as the kernel gives them, padding and all. */
interface Counted {
  probs: Float32Array
  choice: Choice
  counts: Int32Array
  probSums: Float32Array
}

interface SpanOptions {
  rows: number
  sigmoid: boolean
  sequence?: number
  padding?: Uint8Array
}

/** The stretches that the balance loss is a mean over. */
export function sequencesOf(pass: Counted, { rows, sigmoid, sequence = rows, padding }: SpanOptions): Span[] {
  const { choice, counts, probSums } = pass
  if (sequence >= rows && padding === undefined && choice.chosen === null) {
    return [{ first: 0, rows, counted: rows, counts, pairs: rows * choice.slots, probSums }]
  }
  const spans: Span[] = []
  for (let first = 0; first < rows; first += sequence) {
    spans.push(countSpan(pass, { first, rows: Math.min(sequence, rows - first), sigmoid, padding }))
  }
  return spans
}

function countSpan(
  { probs, choice: { slots, indices, chosen }, counts }: Counted,
  { first, rows, sigmoid, padding }: { first: number; rows: number; sigmoid: boolean; padding?: Uint8Array },
): Span {
  const experts = counts.length
  const span: Span = {
    ...{ first, rows, counted: 0, pairs: 0 },
    counts: new Int32Array(experts),
    probSums: new Float32Array(experts),
  }
  for (let row = first; row < first + rows; row++) {
    if (padding?.[row]) continue
    span.counted++
    for (let pair = row * slots; pair < (row + 1) * slots; pair++) {
      if (chosen && !chosen[pair]) continue
      span.counts[indices[pair]]++
      span.pairs++
    }
    const p = probs.subarray(row * experts, (row + 1) * experts)
    const total = sigmoid ? Math.max(sum(p), leastSum) : 1
    for (let e = 0; e < experts; e++) span.probSums[e] += p[e] / total
  }
  return span
}

/** FLT_MIN, as in router.cc. */
const leastSum = 2 ** -126

/** Values of the two losses; 0 without rows. */
export function routerLosses(
  spans: Span[],
  lse: Float32Array,
  { padding, loads }: { padding?: Uint8Array; loads?: Float32Array | null },
): { balanceLoss: number; zLoss: number; counted: number } {
  const counted = spans.reduce((total, span) => total + span.counted, 0)
  if (counted === 0) return { balanceLoss: 0, zLoss: 0, counted }
  const full = spans.filter((span) => span.counted > 0)
  const balance = full.reduce((total, span) => total + spanLoss(span, loads), 0)
  const squares = lse.reduce((total, x, row) => (padding?.[row] ? total : total + x * x), 0)
  return { balanceLoss: balance / full.length, zLoss: squares / counted, counted }
}

function spanLoss({ counted, counts, pairs, probSums }: Span, loads?: Float32Array | null): number {
  const share = (e: number, n: number): number => (loads ? loads[e] : n / pairs)
  return counts.length * counts.reduce((total, n, e) => total + share(e, n) * (probSums[e] / counted), 0)
}

/** d (coefficient * loss) / d p of each counted row of a span, [E]; null where it has none. */
export function balanceGradient(
  { counts, counted, pairs }: Span,
  { coefficient, spans, loads }: { coefficient: number; spans: Span[]; loads?: Float32Array | null },
): Float32Array | null {
  if (coefficient === 0 || counted === 0) return null
  const E = counts.length
  const full = spans.reduce((total, span) => total + (span.counted > 0 ? 1 : 0), 0)
  if (loads) return Float32Array.from(loads, (f) => (coefficient * E * f) / (counted * full))
  return Float32Array.from(counts, (n) => (coefficient * E * n) / (pairs * counted * full))
}

/** Pairs by expert over all spans. */
export function totalCounts(spans: Span[], experts: number): Int32Array {
  if (spans.length === 1) return spans[0].counts
  const total = new Int32Array(experts)
  for (const { counts } of spans) counts.forEach((n, e) => (total[e] += n))
  return total
}

/** The same of probabilities. */
export function totalProbs(spans: Span[]): Float32Array {
  if (spans.length === 1) return spans[0].probSums
  const total = new Float32Array(spans[0]?.probSums.length ?? 0)
  for (const { probSums } of spans) probSums.forEach((p, e) => (total[e] += p))
  return total
}

function sum(values: Float32Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
