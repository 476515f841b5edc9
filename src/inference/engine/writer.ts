// What a sequence writes with: how it draws its tokens, and how it guesses ahead.
import { Decoder, type Model } from '../../model/index.ts'
import type { EngineRequest } from '../engineTypes.ts'
import { TokenChooser } from './chooser.ts'
import type { VocabularySource } from '../grammar/vocabulary.ts'
import { Guesser } from './guesser.ts'
import { Matchers } from './matcher.ts'

export interface Writer {
  chooser: TokenChooser
  guesser: Guesser
}

/** Makes writers for a model. */
export class WriterFactory {
  /** Placeholders of media, which stand for features that a drawn token has not. */
  readonly #neverDrawn: readonly number[]
  readonly #vocab: number
  readonly #matchers: Matchers

  constructor(model: Model, vocabulary?: VocabularySource) {
    this.#neverDrawn = placeholderIds(model)
    this.#vocab = model.textConfig.vocab_size
    this.#matchers = new Matchers(this.#vocab, vocabulary)
  }

  /** @throws PolluxError for sampling or a grammar that cannot be */
  create(request: EngineRequest): Writer {
    const { length } = request.prompt.ids
    const chooser = new TokenChooser(request, this.#vocab, this.#matchers, this.#neverDrawn)
    return { chooser, guesser: new Guesser(length, (limit) => chooser.guessForced(limit)) }
  }
}

function placeholderIds(model: Model): number[] {
  if (model instanceof Decoder) return []
  const { image_token_id, video_token_id, audio_token_id } = model.config
  return [image_token_id, video_token_id, audio_token_id].filter((id) => id !== null)
}
