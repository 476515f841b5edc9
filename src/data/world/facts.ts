// Facts about an invented world in many phrasings: stated, and asked for.
//
// Whoever reads one fact in enough different words can say it in words that never came with it (Allen-Zhu & Li 2023, Physics of
// Language Models 3.1). So training states and asks every fact in all ways but a few, and a test asks for the same
// facts in those few.
import type { Rng } from '../../util/index.ts'
import { draw } from './random.ts'
import { knowledgeOf, type Knowledge } from './knowledge.ts'
import type { WorldItem } from './types.ts'

/** A fact: `a` is answered when the relation is asked of `q`. */
export interface Fact {
  relation: string
  q: string
  a: string
}

interface Phrasings {
  /** Statements: {q} and {a} stand for the two things. */
  says: readonly string[]
  /** Questions of training. */
  asks: readonly string[]
  /** Questions of tests. */
  tests: readonly string[]
}

/** In how many words each relation can be put. */
export const phrasings: Readonly<Record<string, Phrasings>> = {
  born: {
    says: [
      '{q} was born in {a}.',
      '{q} comes from {a}.',
      '{a} is where {q} was born.',
      '{q} first saw the light in {a}.',
      'the birthplace of {q} is {a}.',
      '{q}, born in {a}, still thinks of it.',
    ],
    asks: [
      'where was {q} born?',
      'where does {q} come from?',
      'what is the birthplace of {q}?',
      'tell me where {q} was born.',
      'in which land was {q} born?',
      '{q} was born in',
    ],
    tests: ['{q} was born where?', 'name the birthplace of {q}.', 'from where does {q} come?'],
  },
  home: {
    says: [
      '{q} lives in {a}.',
      'the home of {q} is in {a}.',
      '{a} is where {q} lives.',
      '{q} has a house in {a}.',
      'these days {q} lives in {a}.',
      '{q} moved to {a} and lives there.',
    ],
    asks: [
      'where does {q} live?',
      'where is the home of {q}?',
      'in which land does {q} live?',
      'tell me where {q} lives.',
      'where is the house of {q}?',
      '{q} lives in',
    ],
    tests: ['{q} lives where?', 'name the home of {q}.', 'in what land is the house of {q}?'],
  },
  job: {
    says: [
      '{q} works as a {a}.',
      '{q} is a {a}.',
      'the job of {q} is that of a {a}.',
      '{q} earns a living as a {a}.',
      'by trade {q} is a {a}.',
      '{q}, a {a}, works hard.',
    ],
    asks: [
      'what does {q} work as?',
      'what is the job of {q}?',
      'what is the trade of {q}?',
      'how does {q} earn a living?',
      'tell me the job of {q}.',
      '{q} works as a',
    ],
    tests: ['{q} works as what?', 'name the job of {q}.', 'by trade, what is {q}?'],
  },
  pet: {
    says: [
      '{q} has a {a}.',
      '{q} keeps a {a}.',
      'the pet of {q} is a {a}.',
      'a {a} lives with {q}.',
      '{q} feeds a {a} every day.',
      '{q} would never leave without the {a}.',
    ],
    asks: [
      'what pet does {q} have?',
      'what is the pet of {q}?',
      'which animal does {q} keep?',
      'which animal lives with {q}?',
      'tell me the pet of {q}.',
      'the pet of {q} is a',
    ],
    tests: ['{q} keeps which animal?', 'name the pet of {q}.', 'what animal does {q} have?'],
  },
  river: {
    says: [
      'the river of {q} is the {a}.',
      'the {a} flows through {q}.',
      'through {q} flows the {a}.',
      '{q} lies on the river {a}.',
      'in {q} people swim in the {a}.',
      'the river {a} crosses {q}.',
    ],
    asks: [
      'what is the river of {q}?',
      'which river flows through {q}?',
      'on which river does {q} lie?',
      'what river crosses {q}?',
      'tell me the river of {q}.',
      'the river of {q} is the',
    ],
    tests: ['through {q} flows which river?', 'name the river of {q}.', 'what river does {q} lie on?'],
  },
  town: {
    says: [
      'the main town of {q} is {a}.',
      '{a} is the main town of {q}.',
      'the largest town in {q} is {a}.',
      '{q} is ruled from {a}.',
      'all roads of {q} lead to {a}.',
      'the capital of {q} is {a}.',
    ],
    asks: [
      'what is the main town of {q}?',
      'which town is the largest in {q}?',
      'what is the capital of {q}?',
      'from which town is {q} ruled?',
      'tell me the main town of {q}.',
      'the main town of {q} is',
    ],
    tests: ['{q} is ruled from which town?', 'name the main town of {q}.', 'which town is the capital of {q}?'],
  },
}

/** Everything that is true under a seed. */
export function factsOf({ people, places }: Knowledge): Fact[] {
  return [
    ...people.flatMap(({ name, born, home, job, pet }) => [
      { relation: 'born', q: name, a: born },
      { relation: 'home', q: name, a: home },
      { relation: 'job', q: name, a: job },
      { relation: 'pet', q: name, a: pet },
    ]),
    ...places.flatMap(({ name, river, town }) => [
      { relation: 'river', q: name, a: river },
      { relation: 'town', q: name, a: town },
    ]),
  ]
}

/** Statements and questions in one item of training. */
const stated = 2
const asked = 2

/** Some facts stated and others asked for; for a test one question, in words that training never has; truth: the facts asked for. */
export function makeFact(rng: Rng, { seed, test }: { seed: number; test: boolean }): WorldItem {
  const facts = factsOf(knowledgeOf(seed))
  const put = (phrase: string, { q, a }: Fact): string => `${phrase.replace('{q}', q).replace('{a}', a)}\n`
  const media = Array.from({ length: test ? 0 : stated }, () => {
    const fact = draw(rng, facts)
    return { text: put(draw(rng, phrasings[fact.relation].says), fact) }
  })
  const truth = Array.from({ length: test ? 1 : asked }, () => draw(rng, facts))
  const turns = truth.map((fact) => {
    const { asks, tests } = phrasings[fact.relation]
    return { kind: 'fact', question: put(draw(rng, test ? tests : asks), fact), answer: { text: `${fact.a}\n` } }
  })
  return { signature: null, media, turns, truth }
}
