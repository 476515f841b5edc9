// Invented people and places, and what is true of them: the same for one seed, in no text that anyone else wrote.
import { Rng } from '../../util/index.ts'
import { draw } from './random.ts'

export const jobs = ['baker', 'teacher', 'doctor', 'farmer', 'painter', 'sailor', 'weaver', 'miller', 'singer', 'smith']
export const pets = ['cat', 'dog', 'goat', 'parrot', 'rabbit', 'horse', 'turtle', 'goose', 'pony', 'mouse']

export interface Person {
  name: string
  born: string
  home: string
  job: string
  pet: string
}

export interface Place {
  name: string
  river: string
  town: string
}

/** All there is to know. Every name of a person, place, river or town stands for one thing. */
export interface Knowledge {
  people: Person[]
  places: Place[]
}

const peopleCount = 60
const placeCount = 20

const onsets = ['b', 'br', 'd', 'dr', 'f', 'g', 'h', 'k', 'kr', 'l', 'm', 'n', 'p', 'r', 's', 'st', 't', 'tr', 'v', 'z']
const vowels = ['a', 'e', 'i', 'o', 'u', 'ai', 'ei', 'ou']
const codas = ['l', 'n', 'r', 's', 'm', 'k', 'sk', 'rn']
const placeEnds = ['stad', 'mark', 'land', 'holm', 'gard']
const townEnds = ['burg', 'ville', 'ton', 'wick', 'ford']

const kept = new Map<number, Knowledge>()
const mostKept = 8

/** The knowledge of a seed. Seeds that differ share no facts but by chance. */
export function knowledgeOf(seed: number): Knowledge {
  const known = kept.get(seed)
  if (known) return known
  const rng = new Rng(seed ^ 0x6b6e6f77)
  const name = nameMaker(rng)
  const places = Array.from({ length: placeCount }, () => ({
    name: name(1, draw(rng, placeEnds)),
    river: name(2, draw(rng, ['a', 'o', 'e'])),
    town: name(1, draw(rng, townEnds)),
  }))
  const people = Array.from({ length: peopleCount }, () => ({
    name: `${name(2, draw(rng, ['', 'a', 'o']))} ${name(2, draw(rng, codas))}`,
    born: draw(rng, places).name,
    home: draw(rng, places).name,
    job: draw(rng, jobs),
    pet: draw(rng, pets),
  }))
  if (kept.size >= mostKept) kept.clear()
  kept.set(seed, { people, places })
  return { people, places }
}

/** Makes names of so many syllables and an end, no two alike. */
function nameMaker(rng: Rng): (syllables: number, end: string) => string {
  const taken = new Set<string>()
  return (syllables, end) => {
    for (;;) {
      let name = ''
      for (let i = 0; i < syllables; i++) name += draw(rng, onsets) + draw(rng, vowels)
      // an end of consonants follows the vowel; an end in a vowel needs a consonant between
      name += /^[aeiou]/.test(end) ? draw(rng, ['l', 'n', 'r', 's', 'm']) + end : end
      if (taken.has(name)) continue
      taken.add(name)
      return name[0].toUpperCase() + name.slice(1)
    }
  }
}
