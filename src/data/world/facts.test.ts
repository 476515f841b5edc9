import { describe, expect, it } from 'vitest'
import { Rng } from '../../util/index.ts'
import { type Fact, factsOf, makeFact, phrasings } from './facts.ts'
import { knowledgeOf } from './knowledge.ts'

const seed = 3
const rng = new Rng(0)
const trained = Array.from({ length: 2000 }, () => makeFact(rng, { seed, test: false }))
const tested = Array.from({ length: 2000 }, () => makeFact(rng, { seed, test: true }))
const facts = factsOf(knowledgeOf(seed))

/** A text with a star for each of the names. */
const stripped = (text: string, ...names: string[]): string =>
  names.reduce((rest, name) => rest.replaceAll(name, '*'), text)

describe('knowledgeOf', () => {
  it('has 60 people and 20 places under names that no two share', () => {
    const { people, places } = knowledgeOf(seed)
    const names = [...people.map(({ name }) => name), ...places.flatMap(({ name, river, town }) => [name, river, town])]
    expect([people.length, places.length, new Set(names).size]).toEqual([60, 20, 120])
    for (const { born, home } of people) {
      expect(places.map(({ name }) => name)).toContain(born)
      expect(places.map(({ name }) => name)).toContain(home)
    }
  })

  it('is the same for a seed, after others too, and other for another', () => {
    const before = structuredClone(knowledgeOf(seed))
    for (let other = 100; other < 120; other++) expect(knowledgeOf(other)).not.toEqual(before)
    expect(knowledgeOf(seed)).toEqual(before)
  })
})

describe('makeFact', () => {
  it('answers every question from the knowledge, in training and in tests', () => {
    const known = new Map(facts.map(({ relation, q, a }) => [`${relation} ${q}`, a]))
    for (const { turns, truth } of [...trained, ...tested]) {
      turns.forEach(({ question, answer }, i) => {
        const { relation, q } = (truth as Fact[])[i]
        expect(question).toContain(q)
        expect(question).not.toContain('{')
        expect(answer).toEqual({ text: `${known.get(`${relation} ${q}`)}\n` })
      })
    }
  })

  it('states what is true and nothing else, all of it', () => {
    const meant = new Map<string, Fact[]>()
    for (const fact of facts) {
      for (const phrase of phrasings[fact.relation].says) {
        const text = `${phrase.replace('{q}', fact.q).replace('{a}', fact.a)}\n`
        meant.set(text, [...(meant.get(text) ?? []), fact])
      }
    }
    const statements = trained.flatMap(({ media }) => media.map((part) => ('text' in part ? part.text : '')))
    expect(statements.length).toBeGreaterThan(2500)
    for (const text of statements) expect([text, meant.has(text)]).toEqual([text, true])
    const stated = new Set(statements.flatMap((text) => meant.get(text) ?? []))
    expect(stated.size).toBe(facts.length)
  })

  it('asks for every fact, in training and in tests', () => {
    const asked = new Set(trained.flatMap(({ truth }) => (truth as Fact[]).map((fact) => JSON.stringify(fact))))
    const inTests = new Set(tested.flatMap(({ truth }) => (truth as Fact[]).map((fact) => JSON.stringify(fact))))
    for (const fact of facts) {
      expect(asked).toContain(JSON.stringify(fact))
      expect(inTests).toContain(JSON.stringify(fact))
    }
    expect(asked.size).toBe(60 * 4 + 20 * 2)
  })

  it('asks in tests only, and in words that training never has', () => {
    const words = (items: typeof trained): Set<string> =>
      new Set(
        items.flatMap(({ turns, truth }) => turns.map(({ question }, i) => stripped(question, (truth as Fact[])[i].q))),
      )
    const [seen, unseen] = [words(trained), words(tested)]
    expect(unseen.size).toBeGreaterThan(10)
    for (const phrase of unseen) expect(seen.has(phrase)).toBe(false)
    for (const { turns, media } of tested) expect([turns.length, media.length]).toEqual([1, 0])
  })

  it('makes the same item of the same state', () => {
    for (const test of [false, true])
      expect(makeFact(new Rng(9), { seed, test })).toEqual(makeFact(new Rng(9), { seed, test }))
  })
})
