// Reading a loss curve backwards: after how many tokens did a model stand at a given loss?
//
// Two curves can be read so. `final losses of shorter runs` is the right one: each point is the end of a whole schedule of
// that length, warm-up to decay, so it compares with another model's final loss like with like. `validations during one
// run` costs nothing more, but the learning rate is still high in its middle: its points lie above what a run that
// ended there would have reached, and the answer is too large (conservative for whoever is asked about).
//
// A curve is first made monotone by isotonic regression (pool adjacent violators, Ayer et al. 1955), which needs no width
// of a window; between points the loss is a straight line in the logarithm of tokens, as loss curves nearly are.

/** A validation: bits per byte after so many tokens. */
export interface CurvePoint {
  tokens: number
  bitsPerByte: number
}

/** Where a curve meets a loss. */
export interface Reached {
  tokens: number
  /** 'between' two points; 'before' the first or 'beyond' the last, where the nearest slope was carried on. */
  where: 'between' | 'before' | 'beyond'
  /** True where the slope was carried on as far as it may be: the answer lies at least so far out. */
  isBound: boolean
}

/** How far a slope is carried on, as a factor on tokens. */
const reach = 2

/** The closest falling curve: neighbours that rise are replaced by their mean. Points are sorted by tokens. */
export function fallingCurve(points: readonly CurvePoint[]): CurvePoint[] {
  const sorted = [...points].sort((a, b) => a.tokens - b.tokens)
  const blocks: { sum: number; count: number }[] = []
  const mean = ({ sum, count }: { sum: number; count: number }): number => sum / count
  for (const { bitsPerByte } of sorted) {
    blocks.push({ sum: bitsPerByte, count: 1 })
    while (blocks.length > 1 && mean(blocks.at(-2)!) < mean(blocks.at(-1)!)) {
      const last = blocks.pop()!
      blocks.at(-1)!.sum += last.sum
      blocks.at(-1)!.count += last.count
    }
  }
  const fitted = blocks.flatMap((block) => Array<number>(block.count).fill(mean(block)))
  return sorted.map(({ tokens }, i) => ({ tokens, bitsPerByte: fitted[i] }))
}

/**
 * Tokens at which a curve stands at `target`; the first of them where it is flat there.
 *
 * Outside of the curve its first or last slope is carried on, by no more than a factor of 2 in tokens: an answer at that
 * limit means "less than half of the first point" or "more than twice the last".
 *
 * @param points at least two
 */
export function tokensToReach(points: readonly CurvePoint[], target: number): Reached {
  const curve = fallingCurve(points)
  const [first, last] = [curve[0], curve.at(-1)!]
  if (target > first.bitsPerByte) return carriedOn(first, slopeAtStart(curve), target, 'before')
  const next = curve.findIndex(({ bitsPerByte }) => bitsPerByte <= target)
  if (next < 0) return carriedOn(last, slopeAtEnd(curve), target, 'beyond')
  if (next === 0) return { tokens: first.tokens, where: 'between', isBound: false }
  const [a, b] = [curve[next - 1], curve[next]]
  const share = (a.bitsPerByte - target) / (a.bitsPerByte - b.bitsPerByte)
  return { tokens: a.tokens * (b.tokens / a.tokens) ** share, where: 'between', isBound: false }
}

/** The loss of a curve after so many tokens; its first or last value outside of it. */
export function lossAt(points: readonly CurvePoint[], tokens: number): number {
  const curve = fallingCurve(points)
  const next = curve.findIndex((point) => point.tokens >= tokens)
  if (next < 0) return curve.at(-1)!.bitsPerByte
  if (next === 0) return curve[0].bitsPerByte
  const [a, b] = [curve[next - 1], curve[next]]
  const share = Math.log(tokens / a.tokens) / Math.log(b.tokens / a.tokens)
  return a.bitsPerByte + share * (b.bitsPerByte - a.bitsPerByte)
}

/** Bits per byte that a factor of e in tokens takes away, at the start and at the end; 0 where the curve is flat. */
function slopeAtStart(curve: readonly CurvePoint[]): number {
  const next = curve.find(({ bitsPerByte }) => bitsPerByte < curve[0].bitsPerByte)
  return next === undefined ? 0 : slope(curve[0], next)
}

function slopeAtEnd(curve: readonly CurvePoint[]): number {
  const last = curve.at(-1)!
  const before = curve.findLast(({ bitsPerByte }) => bitsPerByte > last.bitsPerByte)
  return before === undefined ? 0 : slope(before, last)
}

function slope(a: CurvePoint, b: CurvePoint): number {
  return (a.bitsPerByte - b.bitsPerByte) / Math.log(b.tokens / a.tokens)
}

function carriedOn(from: CurvePoint, fall: number, target: number, where: 'before' | 'beyond'): Reached {
  const limit = Math.log(reach) * (where === 'before' ? -1 : 1)
  const distance = fall > 0 ? (from.bitsPerByte - target) / fall : limit
  const bounded = where === 'before' ? Math.max(distance, limit) : Math.min(distance, limit)
  return { tokens: from.tokens * Math.exp(bounded), where, isBound: bounded === limit }
}
