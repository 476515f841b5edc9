// Needles: facts that only the document can tell, and the questions that ask for them.
//
//   single, multiple   needle    Code: river silver.         question   Code: river| silver
//   aggregated         needles   Code: river stone. ...   Code: stone garden. ...   Code: garden silver.
//                      question  Path: river| stone, stone garden, garden silver
//
// The value follows its name at once, in needle and question alike. So retrieving is one step of looking back for the same
// word and going on as it did there (induction), which the one full layer of a small model can do, and which any text
// that repeats itself teaches. An aggregated answer is a trail: it is put together from three needles at different
// places, each of which names the next. Kamradt 2023 (needle in a haystack); Hsieh et al. 2024 (RULER: several
// keys, variable tracking).
//
// Which pairs of name and value training may have follows from the pair itself: one in ten is kept for tests.
import { concatIds, type Rng } from '../../util/index.ts'
import { isHeldOut } from '../heldOut.ts'
import type { TextTokenizer } from '../textTokenizer.ts'
import { needleWords, type NeedleWord, type NeedleWords } from './words.ts'

/** One needle alone; one asked for among several; several to be put together. */
export type NeedleKind = 'single' | 'multiple' | 'aggregated'
export const needleKinds: readonly NeedleKind[] = ['single', 'multiple', 'aggregated']

export type NeedleSplit = 'train' | 'test'

/** What is hidden about one name: the needles' ids, and the question with its answer. */
export interface NeedleFact {
  kind: NeedleKind
  name: string
  values: string[]
  /** One needle, or three for an aggregated fact. */
  needles: Int32Array[]
  question: Int32Array
  answer: Int32Array
}

/** Needles of an aggregated fact. */
export const trailLength = 3

/** Writes facts in the tokens of a tokenizer. */
export class NeedleWriter {
  readonly words: NeedleWords
  readonly stop: Int32Array
  readonly #pieces: Record<'code' | 'path' | 'comma', Int32Array>
  /** Of a name: the words that it is paired with in tests only. */
  readonly #heldOut = new Map<NeedleWord, Set<NeedleWord>>()

  constructor(tokenizer: Pick<TextTokenizer, 'encode'>) {
    const encode = (text: string): Int32Array => Int32Array.from(tokenizer.encode(text))
    this.words = needleWords(tokenizer)
    this.#pieces = { code: encode('\nCode:'), path: encode('\nPath:'), comma: encode(',') }
    this.stop = encode('.')
  }

  /** A fact of each kind, all about different names; fewer when the names are used up. */
  facts(rng: Rng, { kinds, split }: { kinds: readonly NeedleKind[]; split: NeedleSplit }): NeedleFact[] {
    const free = rng.shuffle([...this.words.names])
    const facts: NeedleFact[] = []
    for (const kind of kinds) {
      const names = this.#takeTrail(free, kind === 'aggregated' ? trailLength : 1, split)
      if (names === undefined) break
      const values = this.words.values.filter((value) => this.#isOf(split, names.at(-1)!, value))
      facts.push(this.write(kind, [...names, values[rng.integer(values.length)]]))
    }
    return facts
  }

  /** Takes the first names that may follow each other out of `free`; undefined when there are none. */
  #takeTrail(free: NeedleWord[], length: number, split: NeedleSplit): NeedleWord[] | undefined {
    for (const start of free) {
      const trail = [start]
      while (trail.length < length) {
        const next = free.find((name) => !trail.includes(name) && this.#isOf(split, trail.at(-1)!, name))
        if (next === undefined) break
        trail.push(next)
      }
      if (trail.length < length) continue
      for (const name of trail) free.splice(free.indexOf(name), 1)
      return trail
    }
    return undefined
  }

  #isOf(split: NeedleSplit, name: NeedleWord, value: NeedleWord): boolean {
    let heldOut = this.#heldOut.get(name)
    if (!heldOut) {
      const { names, values } = this.words
      this.#heldOut.set(
        name,
        (heldOut = new Set([...names, ...values].filter((word) => isHeldOut(`${name.text} ${word.text}`)))),
      )
    }
    return heldOut.has(value) === (split === 'test')
  }

  /** The fact that each word is the value of the one before: two words, or four of an aggregated fact. */
  write(kind: NeedleKind, words: readonly NeedleWord[]): NeedleFact {
    const { code, path, comma } = this.#pieces
    const pairs = words.slice(1).map((value, i) => ({ name: words[i], value }))
    return {
      kind,
      name: words[0].text,
      values: pairs.map(({ value }) => value.text),
      needles: pairs.map(({ name, value }) => concatIds([code, name.ids, value.ids, this.stop])),
      question: concatIds([kind === 'aggregated' ? path : code, words[0].ids]),
      answer: concatIds(pairs.flatMap(({ name, value }, i) => (i === 0 ? [value.ids] : [comma, name.ids, value.ids]))),
    }
  }
}
