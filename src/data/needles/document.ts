// A haystack with needles in it and questions at its end: one document of an exact length.
//
//   <bos> text text NEEDLE text text text NEEDLE text ... | question answer. question answer. ...
//         \________________ haystack ___________________/
//
// For training a document holds many needles and asks for many of them, because only answers are predicted: one needle
// in 32,000 tokens would be one lesson in 32,000. For tests a needle lies at an exact depth.
import { concatIds, Rng } from '../../util/index.ts'
import { dataError } from '../errors.ts'
import { hashIntegers } from '../permutation.ts'
import type { Filler } from './filler.ts'
import { type NeedleFact, type NeedleKind, type NeedleSplit, type NeedleWriter, trailLength } from './needles.ts'
import type { NeedleWord } from './words.ts'

/** A document of ids and which of them are to be predicted. */
export interface LongDocument {
  ids: Int32Array
  /** [n] 1: this token is predicted. */
  counted: Uint8Array
}

/** A question inside a document. */
export interface AskedFact {
  fact: NeedleFact
  /** Place of the answer's first token; it has fact.answer.length tokens. */
  answerAt: number
  /** Where its needles begin, as shares of the haystack's text. */
  depths: number[]
}

export interface NeedleDocument extends LongDocument {
  /** Tokens before the first question. */
  haystack: number
  asked: AskedFact[]
}

export interface NeedleSources {
  writer: NeedleWriter
  filler: Filler
  bosId: number
}

/** A fact to be hidden: where (0: the beginning, 1: the end), and whether it is asked about. */
export interface HiddenFact {
  fact: NeedleFact
  depths: number[]
  asked: boolean
}

/**
 * Builds a document of exactly `length` tokens; questions come in the order of `hidden`.
 *
 * @throws PolluxError when needles and questions alone are longer
 */
export function hideNeedles(
  rng: Rng,
  { bosId, filler, writer }: NeedleSources,
  { hidden, length }: { hidden: readonly HiddenFact[]; length: number },
): NeedleDocument {
  const questions = hidden.filter(({ asked }) => asked)
  const placed = hidden.flatMap(({ fact, depths }) => fact.needles.map((ids, i) => ({ ids, depth: depths[i] })))
  const size = (parts: { length: number }[]): number => parts.reduce((sum, part) => sum + part.length, 0)
  const end = size(questions.flatMap(({ fact }) => [fact.question, fact.answer, writer.stop]))
  const room = length - 1 - end - size(placed.map(({ ids }) => ids))
  if (room < 0)
    throw dataError(`needles: a document must hold its needles and questions, ${length - room} tokens, got ${length}`)
  const text = filler(rng, room)
  // a sort is stable, so needles of one depth keep their order
  placed.sort((a, b) => a.depth - b.depth)
  const parts: Int32Array[] = [Int32Array.of(bosId)]
  let from = 0
  for (const { ids, depth } of placed) {
    const at = Math.round(depth * text.length)
    parts.push(text.subarray(from, at), ids)
    from = at
  }
  parts.push(text.subarray(from))
  const haystack = size(parts)
  let at = haystack
  const asked = questions.map(({ fact, depths }): AskedFact => {
    parts.push(fact.question, fact.answer, writer.stop)
    const answerAt = at + fact.question.length
    at = answerAt + fact.answer.length + writer.stop.length
    return { fact, depths, answerAt }
  })
  const ids = concatIds(parts)
  const counted = new Uint8Array(ids.length)
  for (const { fact, answerAt } of asked) counted.fill(1, answerAt, answerAt + fact.answer.length)
  return { ids, counted, haystack, asked }
}

export interface NeedleDocumentOptions {
  seed: number
  index: number
  length: number
}

/** Share of a training document that its questions take, and its needles, at most. */
const mostAsked = 0.3
const mostHidden = 0.4

/** Facts of a training document at most, if there are names enough; and the share of aggregated ones. */
const mostFacts = 96
const aggregatedShare = 0.25

/** A training document: from one to many needles of all kinds, as far as there is room; most are asked about. */
export function needleDocument(sources: NeedleSources, { seed, index, length }: NeedleDocumentOptions): NeedleDocument {
  const { writer } = sources
  const rng = new Rng(hashIntegers(seed, 101, index, length))
  // few as often as many: with few it is easily found out that looking back helps, many give many lessons
  const count = Math.round(mostFacts ** rng.uniform())
  const kinds = Array.from({ length: count }, (): NeedleKind =>
    rng.uniform() < aggregatedShare ? 'aggregated' : 'multiple',
  )
  const hidden: HiddenFact[] = []
  let [needles, questions] = [0, 0]
  for (const fact of writer.facts(rng, { kinds, split: 'train' })) {
    needles += fact.needles.reduce((sum, ids) => sum + ids.length, 0)
    questions += fact.question.length + fact.answer.length + writer.stop.length
    if (needles > mostHidden * length && hidden.length > 0) break
    const asked = hidden.length === 0 || questions <= mostAsked * length
    hidden.push({ fact, asked, depths: fact.needles.map(() => rng.uniform()) })
  }
  return hideNeedles(rng, sources, { hidden: rng.shuffle(hidden), length })
}

/** Other names hidden beside the one asked for, where the kind wants several. */
const distractors = 7

/** A test document: the needle asked for (the first of them) at an exact depth. */
export function needleProbe(
  sources: NeedleSources,
  {
    seed,
    index,
    length,
    kind,
    depths,
    split = 'test',
  }: NeedleDocumentOptions & { kind: NeedleKind; depths: readonly number[]; split?: NeedleSplit },
): NeedleDocument {
  const { writer } = sources
  const rng = new Rng(hashIntegers(seed, 102, index, length, ['single', 'multiple', 'aggregated'].indexOf(kind)))
  const others = kind === 'single' ? 0 : Math.max(0, distractors + 1 - depths.length)
  const facts = writer.facts(rng, { kinds: Array<NeedleKind>(depths.length + others).fill(kind), split })
  if (facts.length < depths.length) {
    throw dataError(
      `needles: a document must ask for at most ${facts.length} facts of kind ${kind}, got ${depths.length}`,
    )
  }
  const hidden = facts.map((fact, i): HiddenFact => {
    const rest = Array.from({ length: fact.needles.length - 1 }, () => rng.uniform())
    return { fact, asked: i < depths.length, depths: [i < depths.length ? depths[i] : rng.uniform(), ...rest] }
  })
  return hideNeedles(rng, sources, { hidden, length })
}

/**
 * Tokens that a test document has at least: one with this many depths, or (for training) a single fact.
 *
 * Longest words are counted everywhere, so that no draw is longer.
 */
export function shortestProbe(writer: NeedleWriter, kind: NeedleKind, depths: number): number {
  const { names, values } = writer.words
  const longest = (words: { ids: Int32Array }[]): NeedleWord => ({
    text: '',
    ids: new Int32Array(Math.max(...words.map(({ ids }) => ids.length))),
  })
  const { needles, question, answer } = writer.write(kind, [
    ...Array<NeedleWord>(kind === 'aggregated' ? trailLength : 1).fill(longest(names)),
    longest(values),
  ])
  const hidden = needles.reduce((sum, ids) => sum + ids.length, 0)
  const count = kind === 'single' || depths === 0 ? 1 : Math.max(depths, distractors + 1)
  return (
    1 +
    count * hidden +
    Math.max(1, kind === 'single' ? 1 : depths) * (question.length + answer.length + writer.stop.length)
  )
}
