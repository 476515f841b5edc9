// Find the changed sentence: a book is read twice, the second time with one word of one sentence changed. Which sentence?
//
//   <bos> book \n\n book'        score of a sentence = the most that the first reading makes one of its tokens less likely:
//                                max over tokens of  nats(token | book, book' so far) - nats(token | book' so far)
//
// A reader that remembers the book expects the old word where the new one stands; everywhere else the first reading makes
// tokens likelier. So the answer is read off from probabilities, without a question that a small model would have to
// understand. Beside it: the same guess from surprise alone (no first reading), and chance, one in the number of sentences.
import { PolluxError, Rng } from '../util/index.ts'
import type { DocumentReader } from './likeliest.ts'
import { needleDepths } from './needles.ts'

/** What the task needs of a tokenizer. */
export interface BookTokenizer {
  encode(text: string): Int32Array | number[]
  readonly bosId: number
}

export interface ChangedCell {
  length: number
  /** Place of the changed sentence in the book, 0 to 1. */
  depth: number
  asked: number
  /** Sentences found, and those found from surprise in a single reading. */
  right: number
  alone: number
  /** Expected share of right answers by chance. */
  chance: number
}

export interface ChangedSample {
  length: number
  depth: number
  before: string
  after: string
  /** The sentence that the model points at. */
  found: string
  right: boolean
}

export interface ChangedOptions {
  seed: number
  /** Tokens of the two readings together. */
  lengths: readonly number[]
  depths: number
  /** Default 1. */
  samples?: number
  onProgress?: (done: { length: number; tokens: number; ofTokens: number }) => void
}

/** A sentence with the space before it: its text, and ids that do not depend on its neighbours. */
interface Sentence {
  text: string
  ids: Int32Array
}

/**
 * Asks at every length and depth; the event loop runs between books.
 *
 * @param text a book, or any text of sentences (lines count as such), longer than half the greatest length in tokens
 */
export async function changedGrid(
  reader: DocumentReader,
  tokenizer: BookTokenizer,
  text: string,
  { seed, lengths, depths, samples = 1, onProgress }: ChangedOptions,
): Promise<{ cells: ChangedCell[]; samples: ChangedSample[] }> {
  const cells: ChangedCell[] = []
  const shown: ChangedSample[] = []
  const sentences = sentencesOf(text, tokenizer)
  const ofTokens = lengths.reduce((sum, length) => sum + length * depths * samples, 0)
  let tokens = 0
  for (const length of [...lengths].sort((a, b) => a - b)) {
    for (const depth of needleDepths(depths)) {
      const cell = { length, depth, asked: 0, right: 0, alone: 0, chance: 0 }
      for (let sample = 0; sample < samples; sample++) {
        const rng = new Rng(seed + 7919 * sample + Math.round(depth * 1000) + length)
        const change = changeSentence(rng, sentences, { length, depth, tokenizer })
        const guess = pointAt(reader, tokenizer, change)
        cell.asked++
        if (guess.twice === change.index) cell.right++
        if (guess.alone === change.index) cell.alone++
        cell.chance += 1 / change.second.length / samples
        const [before, after, found] = [
          change.first[change.index],
          change.second[change.index],
          change.second[guess.twice],
        ]
        shown.push({
          length,
          depth,
          before: before.text,
          after: after.text,
          found: found.text,
          right: guess.twice === change.index,
        })
        tokens += length
        onProgress?.({ length, tokens, ofTokens })
        await new Promise((resolve) => setImmediate(resolve))
      }
      cells.push(cell)
    }
  }
  return { cells, samples: shown }
}

/** Cuts after sentences and lines; every piece keeps what precedes it, so that together they are the text. */
export function sentencesOf(text: string, tokenizer: BookTokenizer): Sentence[] {
  const pieces = text.match(/[^.!?\n]*[.!?\n]+["')\]]*|[^.!?\n]+$/g) ?? []
  return pieces.map((piece) => ({ text: piece, ids: Int32Array.from(tokenizer.encode(piece)) }))
}

interface Change {
  first: Sentence[]
  second: Sentence[]
  /** Number of the changed sentence. */
  index: number
}

/** Sentences tried for one with a word to change. */
const mostTries = 10_000
const word = /[A-Za-z]{4,}/g

/** A stretch of the book that fits `length` twice, and its second reading with a word changed near `depth`. */
export function changeSentence(
  rng: Rng,
  sentences: readonly Sentence[],
  { length, depth, tokenizer }: { length: number; depth: number; tokenizer: BookTokenizer },
): Change {
  const room = Math.floor((length - 1 - separatorOf(tokenizer).length) / 2)
  for (let tries = 0; tries < mostTries; tries++) {
    const first = stretch(sentences, rng.integer(sentences.length), room)
    if (first === undefined) continue
    const index = nearestWithWord(first, depth)
    if (index < 0) continue
    const words = first.flatMap(({ text }) => text.match(word) ?? [])
    const text = first[index].text
    const places = [...text.matchAll(word)]
    const { 0: old, index: at } = places[rng.integer(places.length)]
    const fresh = words[rng.integer(words.length)]
    if (fresh.toLowerCase() === old.toLowerCase()) continue
    const changed = text.slice(0, at) + fresh + text.slice(at + old.length)
    const ids = Int32Array.from(tokenizer.encode(changed))
    const used = first.reduce((sum, each) => sum + each.ids.length, 0)
    if (2 * used - first[index].ids.length + ids.length > 2 * room) continue
    return { first, second: first.map((each, i) => (i === index ? { text: changed, ids } : each)), index }
  }
  throw new PolluxError(`changed sentence: the text must hold ${room} tokens of sentences with words, got too few`, {
    hint: '--book FILE names a longer text; or ask for shorter --lengths',
  })
}

/** Whole sentences from one on, as many as fit; undefined when the text ends before the room is nearly full. */
function stretch(sentences: readonly Sentence[], from: number, room: number): Sentence[] | undefined {
  let free = room
  let to = from
  while (to < sentences.length && sentences[to].ids.length <= free) free -= sentences[to++].ids.length
  return to < sentences.length && free < room / 2 ? sentences.slice(from, to) : undefined
}

/** The sentence with a word to change whose place is nearest to `depth`; -1 when there is none. */
function nearestWithWord(sentences: readonly Sentence[], depth: number): number {
  const total = sentences.reduce((sum, { ids }) => sum + ids.length, 0)
  let [best, nearest, at] = [-1, Infinity, 0]
  sentences.forEach(({ text, ids }, i) => {
    const distance = Math.abs(at / total - depth)
    at += ids.length
    if (distance < nearest && text.search(word) >= 0) [best, nearest] = [i, distance]
  })
  return best
}

function separatorOf(tokenizer: BookTokenizer): Int32Array {
  return Int32Array.from(tokenizer.encode('\n\n'))
}

/** The sentences that both readings, and the second reading alone, point at. */
function pointAt(reader: DocumentReader, tokenizer: BookTokenizer, { first, second }: Change) {
  const ids = (sentences: readonly Sentence[]): number[] => sentences.flatMap((each) => [...each.ids])
  const head = [tokenizer.bosId, ...ids(first), ...separatorOf(tokenizer)]
  const again = ids(second)
  const twice = reader.surprise(Int32Array.from([...head, ...again])).subarray(head.length)
  const alone = reader.surprise(Int32Array.from([tokenizer.bosId, ...again])).subarray(1)
  return {
    twice: largest(second, (i) => twice[i] - alone[i]),
    alone: largest(second, (i) => alone[i]),
  }
}

/** The sentence that holds the token of the largest score. */
function largest(sentences: readonly Sentence[], score: (token: number) => number): number {
  let [best, most, token] = [0, -Infinity, 0]
  sentences.forEach(({ ids }, i) => {
    for (let j = 0; j < ids.length; j++, token++) if (score(token) > most) [best, most] = [i, score(token)]
  })
  return best
}
