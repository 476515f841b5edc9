// Facts about invented people and places: a small world of knowledge that no other text contains, drawn from the seed.
import { Rng } from '../../util/index.ts'
import { pick } from './scene.ts'
import { turn } from './questions.ts'
import type { WorldItem } from './types.ts'

interface Person {
  name: string
  born: string
  lives: string
  work: string
  pet: string
}

interface Place {
  name: string
  river: string
  town: string
}

export interface Knowledge {
  people: Person[]
  places: Place[]
}

const works = ['baker', 'smith', 'teacher', 'sailor', 'weaver', 'painter', 'miller', 'doctor', 'gardener', 'cook']
const pets = ['cat', 'dog', 'goat', 'parrot', 'rabbit', 'horse', 'turtle', 'goose']
const onsets = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z', 'br', 'dr', 'tr', 'st']
const nuclei = ['a', 'e', 'i', 'o', 'u', 'ai', 'eo']
const codas = ['', 'n', 'r', 'l', 's', 'm', 'th']

const known = new Map<number, Knowledge>()

/** Sixty people and twenty places of a seed. */
export function knowledgeOf(seed: number): Knowledge {
  const made = known.get(seed)
  if (made) return made
  const rng = new Rng(seed ^ 0x5eed)
  const taken = new Set<string>()
  const name = (syllables: number): string => {
    for (;;) {
      const text = Array.from(
        { length: syllables },
        () => pick(rng, onsets) + pick(rng, nuclei) + pick(rng, codas),
      ).join('')
      const title = text[0].toUpperCase() + text.slice(1)
      if (taken.has(title)) continue
      taken.add(title)
      return title
    }
  }
  const places = Array.from({ length: 20 }, () => ({ name: name(2), river: name(1), town: name(2) }))
  const people = Array.from({ length: 60 }, () => ({
    ...{ name: name(2), born: pick(rng, places).name, lives: pick(rng, places).name },
    ...{ work: pick(rng, works), pet: pick(rng, pets) },
  }))
  const knowledge = { people, places }
  known.set(seed, knowledge)
  return knowledge
}

/** One fact: what it is called, its answer, statements of it, and questions for it; the last question is kept for tests. */
interface Fact {
  kind: string
  answer: string
  statements: string[]
  questions: string[]
}

function factsOf({ people, places }: Knowledge): Fact[] {
  return [
    ...people.flatMap(({ name, born, lives, work, pet }) => [
      fact(
        'born',
        born,
        [`${name} was born in ${born}.`, `${born} is where ${name} was born.`],
        [...[`where was ${name} born?`, `in which place was ${name} born?`], `what is the birthplace of ${name}?`],
      ),
      fact(
        'lives',
        lives,
        [`${name} lives in ${lives}.`, `the home of ${name} is in ${lives}.`],
        [...[`where does ${name} live?`, `where is the home of ${name}?`], `in which place does ${name} live?`],
      ),
      fact(
        'work',
        work,
        [`${name} works as a ${work}.`, `${name} is a ${work}.`],
        [...[`what does ${name} work as?`, `what is the work of ${name}?`], `as what does ${name} work?`],
      ),
      fact(
        'pet',
        pet,
        [`${name} has a ${pet}.`, `the pet of ${name} is a ${pet}.`],
        [...[`what pet has ${name}?`, `which pet does ${name} have?`], `what is the pet of ${name}?`],
      ),
    ]),
    ...places.flatMap(({ name, river, town }) => [
      fact(
        'river',
        river,
        [`the river of ${name} is the ${river}.`, `the ${river} flows through ${name}.`],
        [...[`what is the river of ${name}?`, `which river flows through ${name}?`], `what river does ${name} have?`],
      ),
      fact(
        'town',
        town,
        [`the main town of ${name} is ${town}.`, `${town} is the main town of ${name}.`],
        [
          ...[`what is the main town of ${name}?`, `which town is the main one of ${name}?`],
          `what main town does ${name} have?`,
        ],
      ),
    ]),
  ]
}

function fact(kind: string, answer: string, statements: string[], questions: string[]): Fact {
  return { kind, answer, statements, questions }
}

const factsBySeed = new Map<number, Fact[]>()

/** A few facts at a time, stated or asked; a test asks in words that training never has. */
export function makeFact(rng: Rng, { seed, test }: { seed: number; test: boolean }): WorldItem {
  const facts = factsBySeed.get(seed) ?? factsOf(knowledgeOf(seed))
  factsBySeed.set(seed, facts)
  const chosen = Array.from({ length: test ? 1 : 4 }, () => pick(rng, facts))
  const stated = test ? [] : chosen.slice(0, 2)
  const asked = test ? chosen : chosen.slice(2)
  return {
    signature: null,
    media: stated.map(({ statements }) => ({ text: `${pick(rng, statements)}\n` })),
    turns: asked.map(({ kind, questions, answer }) =>
      turn(`fact: ${kind}`, test ? questions.at(-1)! : pick(rng, questions.slice(0, -1)), answer),
    ),
  }
}
