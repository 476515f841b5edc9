// A prompt under construction: text, special tokens and media one after another, counted by modality.
import type { Prompt } from '../../inference/index.ts'
import type { Tokenizer } from '../../tokenizer/index.ts'
import type { ChatUsage } from '../chat.ts'

type Span = NonNullable<Prompt['pictures']>[number]

/** Media as tokens: what goes between two texts. */
export interface MediaTokens {
  ids: Int32Array
  /** As in Prompt, from the start of these ids. */
  blockEnd: Int32Array
  pictures: Span[]
  sounds: Span[]
  counts: ChatUsage['prompt']
}

export interface WrittenPrompt {
  prompt: Prompt
  counts: ChatUsage['prompt']
  /** Where the last turn of the model begins; undefined without one. */
  answerStart?: number
}

export class PromptWriter {
  readonly #tokenizer: Pick<Tokenizer, 'encode'>
  readonly #ids: number[] = []
  readonly #blockEnd: number[] = []
  readonly #pictures: Span[] = []
  readonly #sounds: Span[] = []
  readonly #counts: ChatUsage['prompt'] = {}
  #text = ''
  #answerStart: number | undefined

  constructor(tokenizer: Pick<Tokenizer, 'encode'>) {
    this.#tokenizer = tokenizer
  }

  /** Text; nothing in it is read as a special token. Texts without anything between are encoded as one. */
  text(text: string): this {
    this.#text += text
    return this
  }

  /** Ids as they are, those of special tokens above all; undefined is left out. */
  ids(...ids: readonly (number | undefined)[]): this {
    this.cut()
    for (const id of ids) if (id !== undefined) this.#push(id)
    return this
  }

  /** Tokens as they are, however many. */
  tokens(ids: Int32Array): this {
    this.cut()
    for (const id of ids) this.#push(id)
    return this
  }

  /** Ends a text here, so that no token lies across. */
  cut(): this {
    if (this.#text !== '') for (const id of this.#tokenizer.encode(this.#text)) this.#push(id)
    this.#text = ''
    return this
  }

  /** What follows is a turn of the model. */
  answer(): this {
    this.cut()
    this.#answerStart = this.#ids.length
    return this
  }

  #push(id: number): void {
    this.#blockEnd.push(this.#ids.length)
    this.#ids.push(id)
    this.#counts.text = (this.#counts.text ?? 0) + 1
  }

  media({ ids, blockEnd, pictures, sounds, counts }: MediaTokens): this {
    this.cut()
    const start = this.#ids.length
    ids.forEach((id, i) => {
      this.#ids.push(id)
      this.#blockEnd.push(start + blockEnd[i])
    })
    const moved = (span: Span): Span => ({ ...span, start: start + span.start })
    this.#pictures.push(...pictures.map(moved))
    this.#sounds.push(...sounds.map(moved))
    for (const [name, count] of Object.entries(counts)) {
      const modality = name as keyof ChatUsage['prompt']
      this.#counts[modality] = (this.#counts[modality] ?? 0) + count
    }
    return this
  }

  finish(): WrittenPrompt {
    this.cut()
    const ids = Int32Array.from(this.#ids)
    const rest = { counts: { ...this.#counts }, answerStart: this.#answerStart }
    if (this.#pictures.length === 0 && this.#sounds.length === 0) return { prompt: { ids }, ...rest }
    const blockEnd = Int32Array.from(this.#blockEnd)
    return { prompt: { ids, blockEnd, pictures: this.#pictures, sounds: this.#sounds }, ...rest }
  }
}
