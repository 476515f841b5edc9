// The tape: a list of what was computed, run backwards to get gradients.
//
//   using tape = new Tape()          ops called from here on are recorded
//   const loss = model(x)
//   tape.backward(loss)              adds d loss / d w to w.grad for every parameter w
//
// An op adds an entry if a tape is current and one of its inputs wants a gradient. Each entry's closure reads
// the gradient of its outputs and adds to those of its inputs, so walking the list in reverse order meets
// every tensor after all of its uses. The gradient of an intermediate tensor is freed as soon as it has been
// passed on: the peak holds a few of them, not all. Gradients of leaves (parameters, inputs that ask for one)
// stay and add up over backward passes, which is what micro-batches need. Wengert 1964; Speelpenning 1980.
import { PolluxError, ShapeError } from '../util/index.ts'
import { fillGradient, releaseGradient } from './gradient.ts'
import type { Tensor } from './tensor.ts'

/** One op on the tape. */
export interface TapeEntry {
  /** Its name, for messages. */
  op: string
  outputs: Tensor[]
  /** Adds to the gradients of the inputs. */
  backward: () => void
  /** What the op keeps for backward and nobody else sees: freed afterwards. */
  saved?: Tensor[]
  /** Runs even when no gradient reached the outputs (an op with a loss of its own). Default false. */
  always?: boolean
}

let current: Tape | null = null

function makeCurrent(tape: Tape | null): void {
  current = tape
}

export class Tape {
  readonly #previous: Tape | null
  #entries: TapeEntry[] = []

  /** Becomes the current tape until it is disposed of. */
  constructor() {
    this.#previous = current
    makeCurrent(this)
  }

  /** Number of recorded ops. */
  get length(): number {
    return this.#entries.length
  }

  record(entry: TapeEntry): void {
    for (const output of entry.outputs) output.requiresGrad = true
    this.#entries.push(entry)
  }

  /**
   * Adds the gradients of a scalar to every tensor it was computed from, and empties the tape.
   *
   * @param loss one element
   * @throws ShapeError if it is no scalar; PolluxError if this tape has not seen it
   */
  backward(loss: Tensor): void {
    if (loss.size !== 1) throw new ShapeError('backward', 'loss must have 1 element', loss)
    if (!this.#entries.some(({ outputs }) => outputs.includes(loss))) {
      throw new PolluxError('backward: loss must be computed under this tape, got a tensor it has not recorded', {
        hint: 'a tape is emptied by backward: run the forward pass again, after `using tape = new Tape()`',
      })
    }
    fillGradient(loss, 1)
    this.run()
  }

  /** Runs the entries backwards from gradients that are already set on outputs, and empties the tape. */
  run(): void {
    const outer = current
    current = null
    try {
      for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
        if (entry.always || entry.outputs.some(({ grad }) => grad !== null)) entry.backward()
        finish(entry)
      }
    } finally {
      current = outer
    }
  }

  [Symbol.dispose](): void {
    if (current === this) makeCurrent(this.#previous)
    this.#entries.forEach(finish)
    this.#entries = []
  }
}

function finish({ outputs, saved = [] }: TapeEntry): void {
  outputs.forEach(releaseGradient)
  for (const tensor of saved) tensor.release()
}

/** The tape that records now. */
export function currentTape(): Tape | null {
  return current
}

/** Whether an op on these inputs goes on a tape: then it must keep what its backward needs. */
export function isRecording(...inputs: (Tensor | null | undefined)[]): boolean {
  return current !== null && inputs.some((input) => input?.requiresGrad)
}

/** Puts an op on the current tape; call only if isRecording. */
export function record(entry: TapeEntry): void {
  current?.record(entry)
}

/** Runs `fn` without recording. */
export function withoutTape<T>(fn: () => T): T {
  const outer = current
  current = null
  try {
    return fn()
  } finally {
    current = outer
  }
}
