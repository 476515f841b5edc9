// Needles: facts that only the document can tell, and the questions that ask for them.
//
//   single, multiple   needle    Code: river silver.           question   Code: river| silver
//   aggregated         needles   Code: river one silver. ...   Code: river three hill.
//                      question  Code: river one| silver, river two ice, river three hill
//
// The value follows its name at once, in needle and question alike. So retrieving is one step of looking back for the same
// word and going on as it did there (induction), which the one full layer of a small model can do, and which
// any text that repeats itself teaches. An aggregated answer needs three needles from different places. Kamradt 2023
// (needle in a haystack); Hsieh et al. 2024 (RULER: several keys, several values).
//
// Which pairs of name and value training may have follows from the pair itself: one in ten is kept for tests.
import { hash } from 'node:crypto'
import type { Rng } from '../../util/index.ts'
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
export const aggregatedNeedles = 3
const ordinals = ['one', 'two', 'three']
/** One of this many pairs of name and value is held out. */
const heldOutOf = 10

/** Writes facts in the tokens of a tokenizer. */
export class NeedleWriter {
  readonly words: NeedleWords
  readonly #pieces: Record<'code' | 'comma', Int32Array> & { ordinal: Int32Array[] }
  readonly stop: Int32Array
  readonly #sides = new Map<NeedleWord, Record<NeedleSplit, NeedleWord[]>>()

  constructor(tokenizer: Pick<TextTokenizer, 'encode'>) {
    const encode = (text: string): Int32Array => Int32Array.from(tokenizer.encode(text))
    this.words = needleWords(tokenizer)
    this.#pieces = {
      code: encode('\nCode:'),
      comma: encode(','),
      ordinal: ordinals.map((word) => encode(` ${word}`)),
    }
    this.stop = encode('.')
  }

  /**
   * Facts about `count` different names, in random order.
   *
   * @param count at most as many as there are names
   */
  facts(rng: Rng, { kind, count, split }: { kind: NeedleKind; count: number; split: NeedleSplit }): NeedleFact[] {
    return this.draw(rng, count).map((name) => this.fact(rng, { kind, name, split }))
  }

  /** `count` different names, in random order. */
  draw(rng: Rng, count: number): NeedleWord[] {
    return rng.shuffle([...this.words.names]).slice(0, count)
  }

  /** A fact about a name, its values drawn from those that the split may have. */
  fact(rng: Rng, { kind, name, split }: { kind: NeedleKind; name: NeedleWord; split: NeedleSplit }): NeedleFact {
    return this.write(kind, name, rng.shuffle([...this.#allowed(name)[split]]))
  }

  /** Values that a name may have on each side. */
  #allowed(name: NeedleWord): Record<NeedleSplit, NeedleWord[]> {
    let sides = this.#sides.get(name)
    if (!sides) {
      sides = { train: [], test: [] }
      for (const value of this.words.values) sides[isHeldOut(name, value) ? 'test' : 'train'].push(value)
      this.#sides.set(name, sides)
    }
    return sides
  }

  /** The fact that a name has these values: three of an aggregated one, else the first of them. */
  write(kind: NeedleKind, name: NeedleWord, values: readonly NeedleWord[]): NeedleFact {
    const { code, comma, ordinal } = this.#pieces
    const aggregated = kind === 'aggregated'
    const used = values.slice(0, aggregated ? aggregatedNeedles : 1)
    const key = (i: number): Int32Array[] => (aggregated ? [name.ids, ordinal[i]] : [name.ids])
    return {
      kind,
      name: name.text,
      values: used.map(({ text }) => text),
      needles: used.map(({ ids }, i) => join([code, ...key(i), ids, this.stop])),
      question: join([code, ...key(0)]),
      answer: join(used.flatMap(({ ids }, i) => (i === 0 ? [ids] : [comma, ...key(i), ids]))),
    }
  }
}

function isHeldOut(name: NeedleWord, value: NeedleWord): boolean {
  return Number.parseInt(hash('sha256', `${name.text} ${value.text}`, 'hex').slice(0, 8), 16) % heldOutOf === 0
}

/** Arrays of ids one after the other. */
export function join(parts: readonly Int32Array[]): Int32Array {
  const ids = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    ids.set(part, at)
    at += part.length
  }
  return ids
}
