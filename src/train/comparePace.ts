// Seconds per step of several models, measured in turns in one process.
//
// The speed of a shared machine drifts by tens of percent over hours, so models that were trained one after the other
// cannot be compared by their clocks. Here each has its own training loop (trainModel, the real one), and the loops pass
// a baton: a few steps of one, a few of the next, and round again. The first step of a turn finds the caches full of
// another model and is not counted. What is compared is the median.
import { trainModel } from './loop.ts'
import type { TrainRequest } from './types.ts'

/** A model to be timed: what trainModel is asked for, but for the horizon. */
export type Paced = Pick<TrainRequest, 'config' | 'loader' | 'tokenizer'> & {
  training: Omit<TrainRequest['training'], 'horizon'>
}

export interface PaceOptions {
  /** Turns that are counted, after one that is not. Default 4. */
  rounds?: number
  /** Steps of a turn, of which the first is not counted. Default 3. */
  stepsPerTurn?: number
  signal?: AbortSignal
  /** Called after each turn with the share that is done, 0 to 1. */
  onTurn?: (done: number) => void
  /** Wraps the counted steps of a contestant, for a profile: called at the first and after the last of a turn. */
  onCounted?: (contestant: number, begins: boolean) => void
}

export interface Pace {
  /** Median. */
  secondsPerStep: number
  /** Every counted step. */
  samples: number[]
}

/**
 * Times the steps of each, in turns.
 *
 * @returns one pace each, in the order given; undefined when the signal came first
 */
export async function measurePaces(
  contestants: readonly Paced[],
  options: PaceOptions = {},
): Promise<Pace[] | undefined> {
  const { rounds = 4, stepsPerTurn = 3, signal, onTurn, onCounted } = options
  const steps = (rounds + 1) * stepsPerTurn
  const baton = new Baton(contestants.length)
  const samples = contestants.map((): number[] => [])
  let turns = 0
  const run = async (paced: Paced, i: number): Promise<void> => {
    const { batch, time, accumulation = 1 } = paced.training
    await trainModel({
      ...paced,
      training: { ...paced.training, horizon: { steps }, evalEvery: 0, checkpointEvery: 0, checkpointMinutes: 0 },
      onStart: () => baton.mine(i),
      onStep: async ({ step, tokensPerSecond }) => {
        const place = (step - 1) % stepsPerTurn
        const counts = step > stepsPerTurn
        if (counts && place > 0) samples[i].push((batch * time * accumulation) / tokensPerSecond)
        if (counts && place === 0 && stepsPerTurn > 1) onCounted?.(i, true)
        if (place < stepsPerTurn - 1) return
        if (counts) onCounted?.(i, false)
        onTurn?.(++turns / ((rounds + 1) * contestants.length))
        baton.pass()
        if (step < steps) await baton.mine(i)
      },
      // a stop has to reach those that wait too: they go on for a step each, and end
      signal,
    })
    if (signal?.aborted) baton.pass()
  }
  await Promise.all(contestants.map(run))
  if (signal?.aborted) return undefined
  return samples.map((values) => ({ secondsPerStep: medianOf(values), samples: values }))
}

/** Time of one over that of another, measured together: the median over pairs of steps, which saw about the same machine. */
export function paceRatio(one: Pace, other: Pace): number {
  return medianOf(one.samples.map((seconds, i) => seconds / other.samples[i]))
}

/** Whose turn it is; everybody else waits. */
class Baton {
  readonly #count: number
  #turn = 0
  readonly #waiting = new Map<number, () => void>()

  constructor(count: number) {
    this.#count = count
  }

  /** Resolves when it is this one's turn. */
  mine(i: number): Promise<void> {
    if (this.#turn === i) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.set(i, resolve))
  }

  pass(): void {
    this.#turn = (this.#turn + 1) % this.#count
    const next = this.#waiting.get(this.#turn)
    this.#waiting.delete(this.#turn)
    next?.()
  }
}

/** The middle value, or the mean of the middle two. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
