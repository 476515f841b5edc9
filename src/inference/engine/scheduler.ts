// Who is served, and what the next pass does for each.
//
// Every sequence that writes gets its row (and rows for guesses) in every pass. Beside them a pass reads `chunk` rows of
// prompts, shared evenly by all that are read, the shortest first in its share: a short prompt is through in one pass
// however long its neighbours are. Of long prompts only a few are read at a time; a short one may pass one that waits for
// that, but none may pass one that waits for memory, or it would wait for ever.
import { concatIds } from '../../util/index.ts'
import type { EngineMemory } from './memory.ts'
import type { EngineSettings } from './options.ts'
import type { PlannedPart } from './runPass.ts'
import { mostAhead, type Sequence } from './sequence.ts'

/** Guesses what may come after the text so far of one of `writers` that write. */
export type Drafter = (sequence: Sequence, writers: number) => Int32Array

export class Scheduler {
  waiting: Sequence[] = []
  /** In the order in which they were admitted. */
  running: Sequence[] = []
  /** Times that a sequence gave its pages up for others. */
  preemptions = 0
  readonly #memory: EngineMemory
  readonly #settings: EngineSettings

  constructor(memory: EngineMemory, settings: EngineSettings) {
    this.#memory = memory
    this.#settings = settings
  }

  /** Starts those of the waiting that there is room for. */
  admit(): void {
    const { maxRunning, maxLongReads, chunk } = this.#settings
    let long = this.running.filter((each) => each.phase === 'reading' && each.pending > 2 * chunk).length
    for (const sequence of [...this.waiting]) {
      if (this.running.length >= maxRunning) return
      const isLong = sequence.length > 2 * chunk
      if (isLong && long >= maxLongReads) continue
      if (!this.#memory.admit(sequence, this.running)) return
      if (isLong && sequence.pending > 2 * chunk) long++
      this.waiting.splice(this.waiting.indexOf(sequence), 1)
      this.running.push(sequence)
      sequence.phase = 'reading'
      if (sequence.times.admitted === 0) sequence.times.admitted = performance.now()
    }
  }

  /** What the next pass does; empty where nobody can go on. */
  plan(drafter: Drafter): PlannedPart[] {
    const parts = this.#parts(drafter)
    const sizes = (): { cache: NonNullable<Sequence['cache']>; rows: number }[] =>
      parts.map(({ sequence, rows }) => ({ cache: sequence.cache!, rows: rows.ids.length }))
    while (parts.length > 0 && !this.#memory.makeRoomFor(sizes())) {
      const victim = this.#preempt()
      const at = parts.findIndex(({ sequence }) => sequence === victim)
      if (at >= 0) parts.splice(at, 1)
      if (!victim) return []
    }
    return parts
  }

  /** Takes a sequence out, wherever it is, and gives its pages back. */
  remove(sequence: Sequence): void {
    this.waiting = this.waiting.filter((each) => each !== sequence)
    this.running = this.running.filter((each) => each !== sequence)
    sequence.cache?.release()
    sequence.cache = null
    sequence.phase = 'done'
  }

  #parts(drafter: Drafter): PlannedPart[] {
    const isReading = ({ phase, pending }: Sequence): boolean => phase === 'reading' || pending > mostAhead
    const reading = this.running.filter(isReading)
    const writing = this.running.filter((sequence) => !isReading(sequence) && !sequence.listener.isFull)
    const parts = writing.map((sequence) => writingPart(sequence, drafter(sequence, writing.length)))
    reading.sort((a, b) => a.pending - b.pending)
    let left = this.#settings.chunk
    reading.forEach((sequence, i) => {
      const share = Math.max(1, Math.floor(left / (reading.length - i)))
      if (left <= 0) return
      const part = readingPart(sequence, share)
      left -= part.rows.ids.length
      parts.push(part)
    })
    return parts
  }

  /** The sequence that came last gives its pages up and waits again; null where there is but one. */
  #preempt(): Sequence | null {
    const paused = this.running.filter(({ phase, listener }) => phase === 'writing' && listener.isFull)
    const victim = paused.at(-1) ?? (this.running.length > 1 ? this.running.at(-1) : undefined)
    if (!victim || this.running.length < 2) return null
    this.remove(victim)
    this.preemptions++
    victim.phase = 'waiting'
    this.waiting.unshift(victim)
    return victim
  }
}

/** What is known of a text and not read, and guesses of what follows. */
function writingPart(sequence: Sequence, drafts: Int32Array): PlannedPart {
  const text = sequence.rows(sequence.cache!.length, sequence.length)
  const rows = drafts.length > 0 ? { ids: concatIds([text.ids, drafts]) } : text
  const wanted = Math.max(1, sequence.tracedRows(sequence.length)) + drafts.length
  return { sequence, rows, wanted, guessed: drafts.length }
}

/** The next rows of a prompt, `share` of them or more where a picture would be cut. */
function readingPart(sequence: Sequence, share: number): PlannedPart {
  const from = sequence.cache!.length
  const end = sequence.cutAfter(Math.min(from + share, sequence.length))
  const rows = sequence.rows(from, end)
  const last = sequence.writes && end === sequence.length ? 1 : 0
  const wanted = sequence.wantsAllRows ? rows.ids.length : Math.max(last, sequence.tracedRows(end))
  return { sequence, rows, wanted, guessed: 0 }
}
