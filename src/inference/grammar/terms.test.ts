// Terms against the definitions they stand for: JavaScript's regular expressions, and plain comparison of numbers.
import { expect, test } from 'vitest'
import { Rng } from '../../util/index.ts'
import { numberTerm, type NumberLimits } from './numbers.ts'
import { regexTerm, type RegexOptions } from './regex.ts'
import { EMPTY, NONE, type Term, Terms } from './term.ts'

const terms = new Terms()

function holds(term: Term, text: string): boolean {
  let at = term
  for (const byte of Buffer.from(text)) at = terms.row(at)[byte]
  return at.nullable
}

const ATOMS = [
  'a',
  'b',
  'é',
  '漢',
  '🙂',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\s',
  '[a-cé-ü]',
  '\\u00e9',
  '\\n',
  '"',
  '\\\\',
]

function randomPattern(rng: Rng, depth: number): string {
  const atom = (): string =>
    depth > 0 && rng.integer(3) === 0 ? `(?:${randomPattern(rng, depth - 1)})` : ATOMS[rng.integer(ATOMS.length)]
  const quantified = (): string => atom() + ['', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?'][rng.integer(10)]
  const branch = (): string => Array.from({ length: 1 + rng.integer(3) }, quantified).join('')
  return Array.from({ length: 1 + rng.integer(2) }, branch).join('|')
}

const CHARACTERS = ['a', 'b', 'c', 'é', '漢', '🙂', '1', ' ', '\n', '"', '\\', '_']
const randomText = (rng: Rng): string =>
  Array.from({ length: rng.integer(6) }, () => CHARACTERS[rng.integer(CHARACTERS.length)]).join('')

test('random patterns hold the texts that JavaScript says', () => {
  const rng = new Rng(1)
  for (let round = 0; round < 250; round++) {
    const inner = randomPattern(rng, 2)
    const pattern = ['', '^'][rng.integer(2)] + inner + ['', '$'][rng.integer(2)]
    const regex = new RegExp(pattern, 'u')
    const whole = new RegExp(`^(?:${inner})$`, 'u')
    const json = regexTerm(terms, pattern, { writing: 'json', match: 'search' })
    const plain = regexTerm(terms, inner, { writing: 'plain', match: 'whole' })
    for (let i = 0; i < 25; i++) {
      const text = randomText(rng)
      expect(holds(json, JSON.stringify(text).slice(1, -1)), `${pattern} ${JSON.stringify(text)}`).toBe(
        regex.test(text),
      )
      expect(holds(plain, text), `whole ${inner} ${JSON.stringify(text)}`).toBe(whole.test(text))
    }
  }
})

test('anchors in groups, properties of Unicode and escapes mean what they mean in JavaScript', () => {
  const search: RegexOptions = { writing: 'plain', match: 'search' }
  for (const pattern of [
    '^(?:ab|c)$',
    '(^a|b$)',
    '^a|b$',
    '(?:^(?:a|b))c',
    '\\p{Lu}\\P{L}',
    '\\x61\\u{1F642}',
    '[\\]\\-\\d]b',
    '^$',
  ]) {
    const [regex, term] = [new RegExp(pattern, 'u'), regexTerm(terms, pattern, search)]
    for (const text of [
      '',
      'a',
      'b',
      'ab',
      'xab',
      'c',
      'ac',
      'bcx',
      'A1',
      'Éa',
      'É!',
      'a🙂',
      ']b',
      '-b',
      '7b',
      'xa',
      'bx',
    ]) {
      expect(holds(term, text), `${pattern} ${text}`).toBe(regex.test(text))
    }
  }
})

test('what is no regular language is refused by name', () => {
  const refuse = (pattern: string) => () => regexTerm(terms, pattern, { writing: 'plain', match: 'whole' })
  expect(refuse('(a)\\1')).toThrow("a backreference '\\1'")
  expect(refuse('a(?=b)')).toThrow('lookahead')
  expect(refuse('(?<!a)b')).toThrow('lookbehind')
  expect(refuse('\\bword')).toThrow("a word boundary '\\b'")
  expect(refuse('a^b')).toThrow('an anchor that is not at an end')
  expect(refuse('(a')).toThrow("a '(' without its ')'")
  expect(refuse('a)')).toThrow("an unmatched ')'")
  expect(refuse('*a')).toThrow("'*' with nothing before it")
  expect(refuse('[b-a]')).toThrow('a range out of order')
  expect(refuse('[a')).toThrow("a '[' without its ']'")
  expect(refuse('a{5,2}')).toThrow('a quantifier from 5 to 2')
  expect(refuse('\\p{Nothing}')).toThrow('an unknown property')
  expect(refuse('('.repeat(100))).toThrow('groups 65 deep')
  expect(refuse('a'.repeat(5000))).toThrow('5000 characters')
})

test('numbers between limits are those that compare so', () => {
  const rng = new Rng(2)
  const bound = (): number | undefined =>
    [
      undefined,
      0,
      Math.round(rng.normal() * 30),
      Math.round(rng.normal() * 3000) / 100,
      Math.round(rng.normal() * 1e6),
    ][rng.integer(5)]
  const texts = Array.from({ length: 300 }, () => {
    const value = rng.normal() * 10 ** (rng.integer(8) - 2)
    return rng.integer(2) === 0 ? String(Math.round(value)) : value.toFixed(rng.integer(5))
  }).filter((text) => !/^-0(\.0+)?$/.test(text))
  for (let round = 0; round < 300; round++) {
    const [minimum, exclusiveMinimum, maximum, exclusiveMaximum] = [bound(), bound(), bound(), bound()]
    const integer = rng.integer(2) === 0
    const multipleOf = integer && rng.integer(3) === 0 ? 1 + rng.integer(12) : undefined
    const limits = { integer, minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf }
    const isRight = (text: string): boolean => {
      const value = Number(text)
      if (integer && text.includes('.')) return false
      if (multipleOf !== undefined && value % multipleOf !== 0) return false
      return (
        !(value < (minimum ?? -Infinity)) &&
        !(value <= (exclusiveMinimum ?? -Infinity)) &&
        !(value > (maximum ?? Infinity)) &&
        !(value >= (exclusiveMaximum ?? Infinity))
      )
    }
    const term = numberOrNone(limits)
    const near = [minimum, exclusiveMinimum, maximum, exclusiveMaximum].flatMap((x = 7) =>
      [x, x - 1, x + 1].map(String),
    )
    for (const text of [...texts, ...near.filter((one) => /^-?\d+(\.\d{1,4})?$/.test(one))]) {
      expect(holds(term, text), `${text} in ${JSON.stringify(limits)}`).toBe(isRight(text))
    }
  }
})

function numberOrNone(limits: NumberLimits): Term {
  try {
    return numberTerm(terms, limits)
  } catch {
    return NONE
  }
}

test('numbers without limits are finite and no longer than needed', () => {
  const any = numberTerm(terms, { integer: false })
  for (const text of ['0', '-0.5', '1e21', '1.5E-7', '123456789012345680000', '5e-324', '1.7e279']) {
    expect(holds(any, text), text).toBe(true)
  }
  for (const text of ['01', '1.', '.5', '+1', '1e400', '1'.repeat(40), '1e', '--1', 'NaN']) {
    expect(holds(any, text), text).toBe(false)
  }
  expect(() => numberTerm(terms, { integer: true, multipleOf: 0.1 })).toThrow('multipleOf must be a whole number')
  expect(() => numberTerm(terms, { integer: true, minimum: 3, maximum: 2 })).toThrow('some number must lie between')
})

test('a term that cannot end is the empty set, found by search', () => {
  const letters = terms.rep(terms.range(97, 122))
  const five = terms.rep(terms.range(97, 122), 5, 5)
  const short = terms.rep(terms.range(0, 255), 0, 3)
  expect(terms.and([letters, five, short])).toBe(NONE)
  const ways = terms.and([terms.alt([five, terms.literal('ab')]), short])
  expect(terms.row(ways)[97]).not.toBe(NONE)
  // `b` can only begin the five letters, which are too many
  expect(terms.row(ways)[98]).toBe(NONE)
})

test('huge counts cost nothing until they are used', () => {
  const many = terms.rep(terms.range(97), 1_000_000_000, 2_000_000_000)
  let at = many
  for (let i = 0; i < 1000; i++) at = terms.row(at)[97]
  expect(at.nullable).toBe(false)
  expect(terms.cut(at, 8)).toBe(terms.cut(many, 8))
})

test('equal terms are one object, and lists of literals are read by their common beginnings', () => {
  const words = ['red', 'redder', 'blue', '']
  const term = terms.literals(words.map((word) => Buffer.from(word)))
  for (const word of [...words, 're', 'redd', 'b', 'bluee']) expect(holds(term, word)).toBe(words.includes(word))
  expect(terms.alt([terms.literal('x'), EMPTY, terms.literal('x')])).toBe(terms.optional(terms.range(120)))
})
