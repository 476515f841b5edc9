// How sequences get on: what a pass has brought becomes read prompts, kept prefixes, drawn tokens and answers that end.
import { PolluxError } from '../../util/index.ts'
import type { EngineEvent } from '../engineTypes.ts'
import { tokenLogprobs } from '../logprobs.ts'
import type { ExpertRows } from './expertTrace.ts'
import type { Chosen } from './chooser.ts'
import type { EngineMemory } from './memory.ts'
import type { EngineSettings } from './options.ts'
import { logitRows, type PartOutput, type PlannedPart } from './runPass.ts'
import { mostAhead, type Sequence } from './sequence.ts'

/** Tokens of the shortest beginning that is kept. */
const leastShared = 8

export class Progress {
  /** Tokens read of prompts, written, of these without a choice and so without a pass of their own, guessed, and guessed rightly. */
  readonly tokens = { prompt: 0, output: 0, forced: 0, drafted: 0, accepted: 0 }
  readonly #memory: EngineMemory
  readonly #settings: EngineSettings
  readonly #contextTokens: number
  readonly #vocab: number
  /** Ends a sequence that is served. */
  readonly #end: (sequence: Sequence) => void

  constructor(
    {
      memory,
      settings,
      contextTokens,
      vocab,
    }: {
      memory: EngineMemory
      settings: EngineSettings
      contextTokens: number
      vocab: number
    },
    end: (sequence: Sequence) => void,
  ) {
    this.#memory = memory
    this.#settings = settings
    this.#contextTokens = contextTokens
    this.#vocab = vocab
    this.#end = end
  }

  /** Takes in what a pass brought for one sequence. */
  take({ part, logits, hidden, experts }: PartOutput): void {
    const { sequence, rows, wanted } = part
    const count = rows.ids.length
    const from = sequence.cache!.length
    if (sequence.kind === 'embed') addRows(hidden(), sequence.hiddenSum)
    if (sequence.wantsAllRows && from < sequence.promptTokens) this.#takePromptLogprobs(sequence, from, count, logits)
    // places of rows that are text, and no guesses
    const tell = (end: number): void =>
      tellExperts(sequence, end, (place) => experts(place - from - count + wanted, end - place))
    tell(from + count - part.guessed)
    if (sequence.phase === 'writing') {
      this.#takeTokens(sequence, part, { logits: (i) => logits(wanted - 1 - part.guessed + i, 1), tell })
      return
    }
    this.#advanceReading(sequence, from + count)
    const { promptTokens: total, cachedTokens: cached } = sequence
    sequence.listener.onEvent({ type: 'prefill', done: Math.min(from + count, total), total, cached })
    if (sequence.pending === 0 && sequence.writes) {
      sequence.phase = 'writing'
      this.#takeToken(sequence, logits(wanted - 1, 1))
    } else this.afterReading(sequence)
  }

  /** What follows where a prompt is read as far as it is to be. */
  afterReading(sequence: Sequence): void {
    const { kind, readTo } = sequence
    if (sequence.phase !== 'reading' || sequence.cache!.length < readTo) return
    if (sequence.writes) {
      if (sequence.pending === 1) sequence.phase = 'writing'
      return
    }
    if (kind === 'pin') this.#memory.pin(sequence)
    this.#finish(sequence, 'length')
  }

  /** Guesses for a sequence beside `writers` that write: fewer where the batch fills a pass anyway. */
  draft(sequence: Sequence, writers: number): Int32Array {
    const { writer, request, written, length, ids } = sequence
    const limit = Math.min(
      ...[this.#settings.speculate, Math.floor(16 / writers)],
      ...[request.maxTokens - written - 1, this.#contextTokens - length],
    )
    if (limit < 1 || !writer) return new Int32Array(0)
    const drafts = writer.guesser.draft(ids, limit)
    const end = drafts.findIndex((id) => !writer.chooser.mayDraw(id))
    return end < 0 ? drafts : drafts.subarray(0, end)
  }

  /** Counts rows of a prompt as read, and keeps the points from which others will go on. */
  #advanceReading(sequence: Sequence, end: number): void {
    const cache = sequence.cache!
    this.tokens.prompt += end - cache.length
    if (sequence.keeps) {
      for (const point of this.#checkpoints(sequence, cache.length, end)) {
        cache.advance(point - cache.length)
        this.#memory.keep(sequence)
      }
    }
    cache.advance(end - cache.length)
  }

  /** Places in (from, end] to keep: every so many tokens, where another text parted from this one, and the last. */
  #checkpoints(sequence: Sequence, from: number, end: number): number[] {
    const { checkpointEvery } = this.#settings
    const points = new Set<number>([sequence.readTo, sequence.cutBefore(sequence.sharedTokens)])
    for (let at = checkpointEvery; at <= end; at += checkpointEvery) points.add(sequence.cutBefore(at))
    return [...points].filter((point) => point > from && point <= end && point >= leastShared).sort((a, b) => a - b)
  }

  /** Draws the tokens that a pass has brought: one, and one more for each guess that was right. */
  #takeTokens(
    sequence: Sequence,
    { rows: { ids }, guessed }: PlannedPart,
    { logits, tell }: { logits: (i: number) => Float32Array; tell: (end: number) => void },
  ): void {
    const cache = sequence.cache!
    const start = cache.length
    const text = ids.length - guessed
    cache.advance(text)
    let right = 0
    // while all of the text has been read: its end is at a row of this pass
    while (!isDone(sequence) && start + text + right === sequence.length) {
      this.#takeToken(sequence, logits(right))
      while (right < guessed && ids[text + right] === sequence.ids.at(start + text + right)) {
        right++
        if (isDone(sequence)) continue
        cache.advance(1)
        tell(cache.length)
      }
    }
    if (guessed === 0) return
    this.tokens.drafted += guessed
    this.tokens.accepted += right
    sequence.writer?.guesser.learn(guessed, right)
  }

  /** Draws the token after the text, and takes those behind it that leave no choice: the next pass reads them all at once. */
  #takeToken(sequence: Sequence, logits: Float32Array): void {
    const { times, writer } = sequence
    if (times.firstToken === 0) times.firstToken = performance.now()
    this.#write(sequence, writer!.chooser.choose(logits))
    while (!isDone(sequence) && sequence.pending < mostAhead) {
      const id = writer!.chooser.takeForced()
      if (id === undefined) return
      this.tokens.forced++
      this.#write(sequence, { id })
    }
  }

  /** Adds a token to the text and tells of it, or ends the text. */
  #write(sequence: Sequence, { id, logprob, top }: Chosen): void {
    const { request } = sequence
    if (request.stopIds?.includes(id)) {
      this.#finish(sequence, 'stop')
      return
    }
    sequence.append(id)
    sequence.written++
    this.tokens.output++
    sequence.listener.onEvent({ type: 'token', id, ...(logprob === undefined ? {} : { logprob, top }) })
    if (sequence.writer!.chooser.isComplete) this.#finish(sequence, 'stop')
    else if (sequence.written >= request.maxTokens || sequence.length > this.#contextTokens) {
      this.#finish(sequence, 'length')
    }
  }

  /** Log-probabilities of the prompt's tokens that follow rows `from` on. */
  #takePromptLogprobs(sequence: Sequence, from: number, count: number, logits: PartOutput['logits']): void {
    if (!sequence.request.logprobs?.prompt) return
    const vocab = this.#vocab
    for (let i = 0; i < count; i += logitRows) {
      const rows = Math.min(logitRows, count - i)
      const block = logits(i, rows)
      for (let row = 0; row < rows; row++) {
        const place = from + i + row + 1
        // the last row is the first drawn token's; what was read before, and lost for want of pages, is known
        if (place >= sequence.promptTokens || place <= sequence.promptLogprobs.length) continue
        const id = sequence.ids[place]
        const { logprob } = tokenLogprobs(block.subarray(row * vocab, (row + 1) * vocab), id, 0)
        sequence.promptLogprobs.push({ id, logprob })
      }
    }
  }

  #finish(sequence: Sequence, reason: 'stop' | 'length'): void {
    const { request, promptTokens, cachedTokens, written, times } = sequence
    if (sequence.keeps) this.#memory.keep(sequence)
    const now = performance.now()
    const first = times.firstToken || now
    const finish: EngineEvent = {
      ...{ type: 'finish', reason },
      usage: { promptTokens, cachedTokens, outputTokens: written },
      ...(request.logprobs?.prompt ? { promptLogprobs: sequence.promptLogprobs } : {}),
      times: { queue: times.admitted - times.submitted, prefill: first - times.admitted, decode: now - first },
    }
    sequence.listener.onEvent(finish)
    this.#end(sequence)
  }
}

/** @throws PolluxError for numbers that a request cannot have */
export function checkNumbers({ maxTokens, logprobs }: { maxTokens: number; logprobs?: { top: number } }): void {
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new PolluxError(`engine: maxTokens must be a whole number of at least 0, got ${maxTokens}`)
  }
  const top = logprobs?.top ?? 0
  if (!Number.isInteger(top) || top < 0 || top > 20) {
    throw new PolluxError(`engine: logprobs.top must be a whole number from 0 to 20, got ${top}`)
  }
}

/** Tells who read the tokens up to place `end` that nothing was told of; `read` takes it out of the pass. */
function tellExperts(sequence: Sequence, end: number, read: (place: number) => ExpertRows): void {
  const from = sequence.tracedTo
  if (from >= end) return
  sequence.tracedTo = end
  sequence.listener.onEvent({ type: 'experts', from, ...read(from) })
}

function isDone({ phase }: Sequence): boolean {
  return phase === 'done'
}

function addRows(rows: Float32Array, sum: Float64Array): void {
  for (let i = 0; i < rows.length; i++) sum[i % sum.length] += rows[i]
}
