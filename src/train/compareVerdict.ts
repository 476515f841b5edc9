// What the trainings of a comparison say: the sparse model against a dense one, paired by seed.
//
//   tokens    n(sparse reaches the dense final loss) / n(dense)          compareCurve.ts says how n is read
//   flops     the same times the ratio of FLOPs per token
//   seconds   the same times the ratio of seconds per token, measured in turns (comparePace.ts), since the speed of a
//             machine drifts by more over hours than the models differ
import { type CurvePoint, lossAt, tokensToReach } from './compareCurve.ts'
import { type Interval, meanInterval, ratioInterval } from './compareStats.ts'
import type { ReachMethod, TrialResult, Verdict } from './compareTypes.ts'

/** What a verdict is drawn from. */
export interface VerdictInput {
  /** Full-length trainings of the sparse and the dense model, one a seed each. */
  sparse: readonly TrialResult[]
  dense: readonly TrialResult[]
  /** Shorter trainings of the sparse model, whole schedules; none: its own curve is read. */
  shorter: readonly TrialResult[]
  /** Seconds per step of the sparse over those of the dense model; NaN: not measured. */
  paceRatio: number
}

/** @throws Error when no seed was trained on both sides */
export function verdict({ sparse, dense, shorter, paceRatio }: VerdictInput): Verdict {
  const seeds = sparse.map(({ seed }) => seed).filter((seed) => dense.some((trial) => trial.seed === seed))
  if (seeds.length === 0) throw new Error('verdict: at least one seed must be trained on both sides, got none')
  const of = (trials: readonly TrialResult[], seed: number): TrialResult => trials.find((trial) => trial.seed === seed)!
  const pairs = seeds.map((seed) => {
    const [mine, other] = [of(sparse, seed), of(dense, seed)]
    const curve = curveOf(mine, shorter)
    const reached = tokensToReach(curve, other.finalBitsPerByte)
    const affordable = other.tokens / paceRatio
    return {
      difference: mine.finalBitsPerByte - other.finalBitsPerByte,
      // a slower model affords fewer tokens; more than were trained are not guessed at
      differenceInTime: (affordable > 0 ? lossAt(curve, affordable) : Number.NaN) - other.finalBitsPerByte,
      ratio: reached.tokens / other.tokens,
      flops: mine.flopsPerToken / other.flopsPerToken,
      isOutside: reached.where !== 'between',
      isBound: reached.isBound,
    }
  })
  const ratios = (factor: (pair: (typeof pairs)[number]) => number): Interval =>
    ratioInterval(pairs.map((pair) => pair.ratio * factor(pair)))
  return {
    against: dense[0].contestant,
    seeds,
    atEqualTokens: meanInterval(pairs.map(({ difference }) => difference)),
    atEqualSeconds: meanInterval(pairs.map(({ differenceInTime }) => differenceInTime)),
    tokens: ratios(() => 1),
    seconds: ratios(() => paceRatio),
    flops: ratios(({ flops }) => flops),
    method: methodOf(sparse, shorter),
    outside: seeds.filter((_, i) => pairs[i].isOutside),
    isBound: pairs.some(({ isBound }) => isBound),
  }
}

/** The points at which the sparse model's loss is known, to be compared with a final loss. */
function curveOf(full: TrialResult, shorter: readonly TrialResult[]): CurvePoint[] {
  const ends = [full, ...shorter.filter(({ seed }) => seed === full.seed)]
  if (ends.length < 2) return full.curve
  return ends.map(({ tokens, finalBitsPerByte: bitsPerByte }) => ({ tokens, bitsPerByte }))
}

/** Shorter schedules only where every seed has them. */
function methodOf(sparse: readonly TrialResult[], shorter: readonly TrialResult[]): ReachMethod {
  const covered = sparse.every(({ seed }) => shorter.some((trial) => trial.seed === seed))
  return covered ? 'shorter schedules' : 'its own curve'
}
