// Haystacks: text of any length for needles to lie in, as token ids.
//
// From a corpus: a stretch from a random place on, without the marks between documents, so that the haystack is one long
// document. Without a corpus (tests, a model whose corpus is gone): sentences of a small grammar.
import type { Rng } from '../../util/index.ts'
import type { TextTokenizer } from '../textTokenizer.ts'
import type { TokenStream } from '../tokenStream.ts'

/** `count` ids of running text, drawn with `rng`. */
export type Filler = (rng: Rng, count: number) => Int32Array

/** Stretches of a corpus; one that reaches the end goes on at the beginning. */
export function streamFiller({ tokens, bytesOfToken }: Pick<TokenStream, 'tokens' | 'bytesOfToken'>): Filler {
  return (rng, count) => {
    const ids = new Int32Array(count)
    let at = rng.integer(tokens.length)
    let written = 0
    // marks stand for no bytes; a corpus of nothing else ends after one round
    for (let looked = 0; written < count && (written > 0 || looked < tokens.length); looked++) {
      const id = tokens[at]
      if (bytesOfToken[id] > 0) ids[written++] = id
      at = at + 1 === tokens.length ? 0 : at + 1
    }
    return ids.subarray(0, written)
  }
}

const subjects = ['The old man', 'A traveller', 'Nobody', 'The whole town', 'My neighbour', 'Everyone here']
const verbs = ['walked past', 'remembered', 'had never seen', 'spoke about', 'painted', 'waited near', 'wrote about']
const objects = [
  'the quiet hall',
  'a narrow path',
  'the second bridge',
  'an empty field',
  'the grey hills',
  'a low fence',
]
const endings = ['in the evening', 'without a reason', 'as before', 'once more', 'for a long while', 'that day']

/** Generated sentences. */
export function generatedFiller(tokenizer: Pick<TextTokenizer, 'encode'>): Filler {
  return (rng, count) => {
    const ids: number[] = []
    while (ids.length < count) {
      const words = [subjects, verbs, objects, endings].map((list) => list[rng.integer(list.length)])
      for (const id of tokenizer.encode(` ${words.join(' ')}.`)) ids.push(id)
    }
    return Int32Array.from(ids.slice(0, count))
  }
}
