// One request inside the engine: the tokens it has, the cache that has read some of them, and who waits for what comes.
//
//   waiting ──admitted──> reading ──its prompt is read──> writing ──> done
//      ^                     │                               │
//      └──────── preempted: pages were needed, it reads again what it had ──┘
//
// `source` is all that is known of the text: the prompt, and behind it what was written. The cache has read its first
// `cache.length` tokens, always at least one less. A prompt's last token is left to the pass that draws the next one, so a
// prompt that is known whole needs no reading at all.
import { Decoder, type Model } from '../../model/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { KvCache } from '../cache.ts'
import type { EngineEvent, EngineRequest, TokenLogprob } from '../engineTypes.ts'
import { chunkEnd, cutBefore, type Prompt, promptPart } from '../prompt.ts'
import { prefixKeys } from './prefixKeys.ts'
import type { Writer } from './writer.ts'

/** What comes of a sequence, told to whoever asked for it. */
export interface SequenceListener {
  onEvent(event: EngineEvent): void
  /** Its end: of its own, or by an error. */
  onEnd(error?: unknown): void
  /** The reader is behind: write no more for now. */
  readonly isFull: boolean
}

/** Tokens that a writing sequence may have to read at once (known ahead by a grammar) without being a prompt again. */
export const mostAhead = 64

export type SequenceKind = 'write' | 'embed' | 'pin'

export class Sequence {
  readonly kind: SequenceKind
  readonly request: EngineRequest
  readonly listener: SequenceListener
  /** Tokens of the prompt. */
  readonly promptTokens: number
  phase: 'waiting' | 'reading' | 'writing' | 'done' = 'waiting'
  /** Null while it waits. */
  cache: KvCache | null = null
  /** Bytes that its cache may come to before it writes. */
  reserved = 0
  /** Place in its text up to which others have been read too. */
  sharedTokens = 0
  /** Of the prompt, at the first reading: found in the cache. */
  cachedTokens = 0
  readonly promptLogprobs: TokenLogprob[] = []
  /** Place of the next token whose experts are to be told; beyond all where none are. */
  tracedTo: number
  /** Sum of hidden states, of a sequence to be embedded. */
  readonly hiddenSum: Float64Array
  readonly times = { submitted: performance.now(), admitted: 0, firstToken: 0 }
  /** Null where nothing is to be written. */
  writer: Writer | null = null
  /** Ids written and reported. */
  written = 0
  #ids: Int32Array
  #length: number
  #keys: Float64Array | null = null
  readonly #prompt: Prompt

  constructor(kind: SequenceKind, request: EngineRequest, listener: SequenceListener, hiddenSize = 0) {
    this.kind = kind
    this.request = request
    this.listener = listener
    this.#prompt = request.prompt
    this.promptTokens = request.prompt.ids.length
    this.#ids = request.prompt.ids
    this.#length = request.prompt.ids.length
    this.tracedTo = request.experts === undefined ? Infinity : request.experts.prompt ? 0 : this.promptTokens
    this.hiddenSum = new Float64Array(kind === 'embed' ? hiddenSize : 0)
  }

  /** Tokens known so far: the prompt and what was written. */
  get length(): number {
    return this.#length
  }

  /** Ids known so far. */
  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#length)
  }

  /** Tokens that are known and not read yet. */
  get pending(): number {
    return this.#length - (this.cache?.length ?? 0)
  }

  /** Adds a token behind the text. */
  append(id: number): void {
    if (this.#length === this.#ids.length) {
      const longer = new Int32Array(Math.max(64, 2 * this.#length))
      longer.set(this.#ids)
      this.#ids = longer
    }
    this.#ids[this.#length++] = id
  }

  /** Whether something of every row of the prompt is wanted, so that nothing of it can be skipped. */
  get wantsAllRows(): boolean {
    return this.kind === 'embed' || this.request.logprobs?.prompt === true || this.request.experts?.prompt === true
  }

  /** Of rows that end at `to`, how many are wanted for their experts. */
  tracedRows(to: number): number {
    return Math.max(0, to - Math.max(this.tracedTo, this.cache?.length ?? 0))
  }

  /** Whether tokens are to be drawn. */
  get writes(): boolean {
    return this.kind === 'write' && this.request.maxTokens > 0
  }

  /** Whether its pages may serve others. */
  get keeps(): boolean {
    return this.kind === 'pin' || (this.kind === 'write' && this.request.keepPrefix !== false)
  }

  /** Tokens to be read before it can write, or be done: all but the last, where the last can stand alone. */
  get readTo(): number {
    return this.kind === 'write' ? this.cutBefore(this.#length - 1) : this.#length
  }

  /** The last place up to `place` where no picture and no sound is cut. */
  cutBefore(place: number): number {
    return place >= this.promptTokens ? place : cutBefore(this.#prompt, place)
  }

  /** The next place from `place` on where none is cut. */
  cutAfter(place: number): number {
    return place >= this.promptTokens ? place : chunkEnd(this.#prompt, place)
  }

  /** Rows `from` to `to` of the text, as a pass takes them. */
  rows(from: number, to: number): Prompt {
    const { promptTokens } = this
    if (from >= promptTokens) return { ids: this.#ids.slice(from, to) }
    const part = promptPart(this.#prompt, from, Math.min(to, promptTokens))
    if (to <= promptTokens) return part
    const blockEnd = part.blockEnd && Int32Array.from({ length: to - from }, (_, i) => part.blockEnd?.[i] ?? i)
    return { ...part, ids: this.#ids.slice(from, to), blockEnd }
  }

  /** The first `count` tokens as the prefix tree knows them. */
  keys(count: number): Float64Array {
    const prompt = (this.#keys ??= prefixKeys(this.#prompt))
    if (count <= prompt.length) return prompt.subarray(0, count)
    const keys = new Float64Array(count)
    keys.set(prompt)
    keys.set(this.#ids.subarray(prompt.length, count), prompt.length)
    return keys
  }
}

/** @throws PolluxError unless the model can read the prompt */
export function checkPrompt(prompt: Prompt, model: Model, op: string): void {
  const { max_position_embeddings: limit, vocab_size: vocab } = model.textConfig
  const { ids, blockEnd, pictures = [], sounds = [] } = prompt
  if (ids.length === 0) throw new PolluxError(`${op}: prompt must have at least 1 token, got 0`)
  if (ids.length > limit) {
    throw new PolluxError(
      `${op}: prompt must be at most ${limit} tokens (max_position_embeddings), got ${ids.length}`,
      {
        hint: 'shorten the prompt, or train the run to a longer context',
      },
    )
  }
  const wrong = ids.findIndex((id) => id < 0 || id >= vocab)
  if (wrong >= 0) throw new PolluxError(`${op}: token ids must be in [0, ${vocab}), got ${ids[wrong]} at ${wrong}`)
  if (blockEnd && (blockEnd.length !== ids.length || blockEnd.some((end, i) => end < i || end >= ids.length))) {
    throw new PolluxError(`${op}: blockEnd must name a place at or behind each of the ${ids.length} tokens`)
  }
  for (const { start, count } of [...pictures, ...sounds]) {
    if (start < 0 || count < 1 || start + count > ids.length) {
      throw new PolluxError(
        `${op}: media must lie in the prompt of ${ids.length} tokens, got ${start} to ${start + count}`,
      )
    }
  }
  checkPlaceholders(prompt, model, op)
}

/** What stands for a picture or a sound must have one: a pass would fail with all that is in it. */
function checkPlaceholders({ ids, pictures = [], sounds = [] }: Prompt, model: Model, op: string): void {
  if (model instanceof Decoder) return
  const { image_token_id, video_token_id, audio_token_id } = model.config
  const kinds = new Uint8Array(ids.length)
  for (const { start, count } of pictures) kinds.fill(1, start, start + count)
  for (const { start, count } of sounds) kinds.fill(2, start, start + count)
  const wanted = new Map([
    [image_token_id, 1],
    [video_token_id, 1],
    [audio_token_id, 2],
  ])
  const wrong = ids.findIndex((id, place) => (wanted.get(id) ?? 0) !== kinds[place])
  if (wrong < 0) return
  throw new PolluxError(`${op}: placeholders must be where media are, got token ${ids[wrong]} at ${wrong}`)
}
