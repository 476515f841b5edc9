// Facts about invented people and places, drawn from the seed of the world: nothing a model could know from elsewhere,
// so that an answer is either learned from the documents or not.
import { Rng } from '../../util/index.ts'
import { hashIntegers } from '../permutation.ts'
import { pick } from './types.ts'

/** What a fact is about; person: the first four, country: the others. */
export const factKinds = ['born', 'home', 'job', 'pet', 'capital', 'river'] as const
export type FactKind = (typeof factKinds)[number]

export interface Fact {
  kind: FactKind
  /** A person or a country. */
  subject: string
  value: string
}

const jobs = ['baker', 'doctor', 'farmer', 'painter', 'pilot', 'sailor', 'singer', 'teacher', 'writer', 'smith']
const pets = ['cat', 'dog', 'goat', 'horse', 'parrot', 'rabbit', 'snake', 'turtle']
const peopleCount = 36
const countryCount = 12

const onsets = ['b', 'd', 'f', 'g', 'h', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z']
const vowels = ['a', 'e', 'i', 'o', 'u']
const codas = ['l', 'm', 'n', 'r', 's', 'k']

const worlds = new Map<number, Fact[]>()

/** Every fact of the world of a seed: 36 people with four facts each, 12 countries with two each. */
export function factsOf(seed: number): Fact[] {
  let facts = worlds.get(seed)
  if (facts === undefined) {
    facts = makeFacts(new Rng(hashIntegers(seed, 0x666163)))
    if (worlds.size > 16) worlds.clear()
    worlds.set(seed, facts)
  }
  return facts
}

function makeFacts(rng: Rng): Fact[] {
  const taken = new Set<string>([...jobs, ...pets])
  const name = (): string => {
    while (true) {
      const made = pick(onsets, rng) + pick(vowels, rng) + pick(onsets, rng) + pick(vowels, rng) + pick(codas, rng)
      if (taken.has(made)) continue
      taken.add(made)
      return made
    }
  }
  const people = Array.from({ length: peopleCount }, name)
  const countries = Array.from({ length: countryCount }, () => ({ country: name(), capital: name(), river: name() }))
  const towns = countries.map(({ capital }) => capital)
  return [
    ...people.flatMap((subject): Fact[] => [
      { kind: 'born', subject, value: pick(towns, rng) },
      { kind: 'home', subject, value: pick(towns, rng) },
      { kind: 'job', subject, value: pick(jobs, rng) },
      { kind: 'pet', subject, value: pick(pets, rng) },
    ]),
    ...countries.flatMap(({ country, capital, river }): Fact[] => [
      { kind: 'capital', subject: country, value: capital },
      { kind: 'river', subject: country, value: river },
    ]),
  ]
}
