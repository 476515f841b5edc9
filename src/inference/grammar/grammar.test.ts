import { describe, expect, test } from 'vitest'
import type { GrammarSpec } from '../engineTypes.ts'
import { compileGrammar, GrammarCache, type GrammarOptions } from './compile.ts'
import { forcedTokens, type GrammarMatcher } from './matcher.ts'
import { normaliseSchema } from './schema/normalise.ts'
import { GrammarVocabulary } from './vocabulary.ts'

// bytes, then the special tokens, then words of several bytes
const [STOP, OPEN, CLOSE, OTHER] = [256, 257, 258, 259]
const WORDS = ['{"', '":', '":{"', '","', '"}', '"}]', 'true', '[1', 'call:', 'aa', '🙂', '漢字', ' ', ', "', '"', 'ab']
const vocabulary = new GrammarVocabulary({
  tokens: [
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    ...[undefined, undefined, undefined, undefined],
    ...WORDS.map((word) => Buffer.from(word)),
  ],
  stopIds: [STOP],
})
const word = (text: string): number => 260 + WORDS.indexOf(text)
const json = (schema: unknown): GrammarSpec => ({ kind: 'json', schema })
const matcherOf = (spec: GrammarSpec, options?: GrammarOptions): GrammarMatcher =>
  compileGrammar(spec, vocabulary, options).matcher()

function write(matcher: GrammarMatcher, ...parts: (string | number)[]): GrammarMatcher {
  for (const part of parts) {
    for (const id of typeof part === 'number' ? [part] : Buffer.from(part)) matcher.accept(id)
  }
  return matcher
}

/** Whether a whole text is of a grammar. */
function holds(spec: GrammarSpec, text: string, options?: GrammarOptions): boolean {
  const matcher = matcherOf(spec, options)
  for (const byte of Buffer.from(text)) {
    if (!matcher.allows(byte)) return false
    matcher.accept(byte)
  }
  return matcher.canEnd
}

const allowed = (matcher: GrammarMatcher): number[] => {
  const mask = matcher.mask()
  return Array.from({ length: vocabulary.size }, (_, id) => id).filter(
    (id) => ((mask[id >> 5] >>> (id & 31)) & 1) === 1,
  )
}

describe('a matcher', () => {
  const nested = json({
    type: 'object',
    properties: { ab: { type: 'object', properties: { c: { type: 'string' } }, required: ['c'] } },
    required: ['ab'],
  })

  test('lets tokens span the pieces of a grammar', () => {
    const matcher = write(matcherOf(nested), word('{"'), word('ab'))
    expect(matcher.allows(word('":'))).toBe(true)
    expect(matcher.allows(word('":{"'))).toBe(true)
    expect(matcher.allows(word('","'))).toBe(false)
    expect(allowed(matcher)).toEqual([34, word('":'), word('":{"'), word('"')].sort((a, b) => a - b))
  })

  test('ends where the text does', () => {
    const matcher = write(matcherOf(nested), '{"ab":{"c":"x"}')
    expect([matcher.canEnd, matcher.isComplete]).toEqual([false, false])
    write(matcher, '}')
    expect([matcher.canEnd, matcher.isComplete]).toEqual([true, true])
    expect(allowed(matcher)).toEqual([STOP])
    matcher.accept(STOP)
    expect(allowed(matcher)).toEqual([])
    expect(() => matcher.accept(STOP)).toThrow('must be one that may follow')
    matcher.rollback(1)
    expect(allowed(matcher)).toEqual([125])
    expect(() => matcher.rollback(99)).toThrow('rollback must be of 0 to')
  })

  test('knows what is forced, and writes it as a tokenizer would', () => {
    const matcher = matcherOf(nested)
    expect(Buffer.from(matcher.jumpForward().bytes).toString()).toBe('{"ab":{"c":"')
    expect(forcedTokens(matcher.jumpForward(), (bytes) => bytes)).toEqual([...Buffer.from('{"ab":{"c":')])
    write(matcher, '{"ab":{"c":"')
    expect(matcher.jumpForward()).toEqual({ bytes: new Uint8Array(0), ids: [] })
  })

  test('a clone goes its own way', () => {
    const matcher = write(matcherOf({ kind: 'enum', values: ['ab', 'ac'] }), 'a')
    const other = matcher.clone()
    write(other, 'b')
    expect([matcher.length, other.length]).toEqual([1, 2])
    expect(allowed(matcher)).toEqual([98, 99])
    expect(other.isComplete).toBe(true)
  })

  test('refuses ids that are none', () => {
    for (const id of [-1, 1.5, 99999, OTHER, NaN]) expect(matcherOf(nested).allows(id)).toBe(false)
  })
})

test('tokens longer than counts are followed at once are judged to their last byte', () => {
  const long = [20, 24, 25, 30, 40, 100].map((length) => 'a'.repeat(length))
  const words = [
    ...long,
    ...long.map((text) => `${text}"`),
    `${'a'.repeat(29)}",`,
    `${'a'.repeat(12)}b${'a'.repeat(20)}`,
  ]
  const wide = new GrammarVocabulary({
    tokens: [
      ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
      undefined,
      ...words.map((text) => Buffer.from(text)),
    ],
    stopIds: [256],
  })
  const schema = { type: 'array', items: { type: 'string', minLength: 25, maxLength: 30 }, maxItems: 2 }
  const matcher = compileGrammar(json(schema), wide).matcher()
  for (const byte of Buffer.from('["')) matcher.accept(byte)
  for (let count = 0; count <= 30; count++) {
    const mask = matcher.mask()
    words.forEach((text, i) => {
      const id = 257 + i
      const letters = text.replace(/",?$/, '').length + count
      const isRight = letters <= 30 && (!text.includes('"') || letters >= 25)
      expect(((mask[id >> 5] >>> (id & 31)) & 1) === 1, `${text} after ${count}`).toBe(isRight)
    })
    if (count < 30) matcher.accept(97)
  }
})

describe('specs', () => {
  test('sequence and either join grammars with special tokens', () => {
    const call: GrammarSpec = {
      kind: 'sequence',
      parts: [
        { kind: 'ids', ids: [OPEN] },
        { kind: 'enum', values: ['call:f'] },
        json({ type: 'boolean' }),
        { kind: 'ids', ids: [CLOSE] },
      ],
    }
    const matcher = matcherOf({ kind: 'either', options: [call, json({ type: 'null' })] })
    expect(allowed(matcher)).toEqual([110, OPEN])
    expect(matcherOf(call).jumpForward()).toEqual({ bytes: new Uint8Array(0), ids: [OPEN] })
    write(matcher, OPEN, word('call:'), 'f')
    expect(allowed(matcher)).toEqual([102, 116, word('true')])
    write(matcher, word('true'))
    expect(matcher.jumpForward().ids).toEqual([CLOSE])
    write(matcher, CLOSE)
    expect(matcher.isComplete).toBe(true)
  })

  test('what is repeated comes as often as it may, and then something else', () => {
    const item: GrammarSpec = {
      kind: 'sequence',
      parts: [
        { kind: 'ids', ids: [OPEN] },
        { kind: 'enum', values: ['a'] },
      ],
    }
    const spec = (min: number, max?: number): GrammarSpec => ({
      kind: 'sequence',
      parts: [
        { kind: 'repeat', of: item, min, max },
        { kind: 'enum', values: ['b'] },
      ],
    })
    for (const [min, max] of [
      [0, undefined],
      [1, undefined],
      [2, 3],
      [0, 0],
    ] as const) {
      const matcher = matcherOf(spec(min, max))
      for (let count = 0; count <= (max ?? 6); count++) {
        expect(allowed(matcher)).toEqual([...(count >= min ? [98] : []), ...(count < (max ?? 7) ? [OPEN] : [])])
        if (count < (max ?? 6)) write(matcher, OPEN, 'a')
      }
      expect(write(matcher, 'b').isComplete).toBe(true)
    }
    const endless = matcherOf({ kind: 'repeat', of: item, min: 1 })
    expect(endless.canEnd).toBe(false)
    for (let count = 0; count < 100; count++) write(endless, OPEN, 'a')
    expect([endless.canEnd, endless.isComplete]).toEqual([true, false])
  })

  test('triggered text is free until a trigger, and may end before it', () => {
    const matcher = matcherOf({
      kind: 'triggered',
      triggers: [
        { id: OPEN, then: { kind: 'sequence', parts: [json({ type: 'boolean' }), { kind: 'ids', ids: [CLOSE] }] } },
      ],
    })
    expect(allowed(matcher).length).toBe(vocabulary.size)
    write(matcher, 'any {text', OTHER, 255)
    expect([matcher.canEnd, matcher.isComplete]).toEqual([true, false])
    expect(matcher.jumpForward().bytes.length).toBe(0)
    write(matcher, OPEN)
    expect(matcher.canEnd).toBe(false)
    expect(allowed(matcher)).toEqual([102, 116, word('true')])
    write(matcher, 'false', CLOSE)
    expect(matcher.isComplete).toBe(true)
    matcher.rollback(7)
    write(matcher, 'x', STOP)
    expect(matcher.isComplete).toBe(true)
  })

  test('a regex holds for the whole text, in UTF-8 across tokens', () => {
    const spec: GrammarSpec = { kind: 'regex', pattern: '^\\p{L}+🙂?$' }
    expect(['漢字', 'é🙂', '', '1'].map((text) => holds(spec, text))).toEqual([true, true, false, false])
    const matcher = matcherOf(spec)
    expect(matcher.allows(word('漢字'))).toBe(true)
    // half a character
    write(matcher, 0xe6)
    expect(matcher.canEnd).toBe(false)
    expect(matcher.allows(word('aa'))).toBe(false)
  })

  test('what cannot be is refused', () => {
    const refuse = (spec: unknown) => () => matcherOf(spec as GrammarSpec)
    expect(refuse({ kind: 'enum', values: [] })).toThrow('enum must have 1 to')
    expect(refuse({ kind: 'either', options: [] })).toThrow('either must have an option')
    expect(refuse({ kind: 'sequence', parts: [{ kind: 'ids', ids: [5000] }] })).toThrow('ids must be tokens from 0 to')
    expect(refuse({ kind: 'nothing' })).toThrow('kind must be json, regex')
    const a = { kind: 'enum', values: ['a'] }
    expect(refuse({ kind: 'repeat', of: a, min: 2, max: 1 })).toThrow('must be of min to max times, got 2 to 1')
    expect(refuse({ kind: 'repeat', of: a, min: 0.5 })).toThrow('must be of min to max times, got 0.5 to Infinity')
    expect(refuse({ kind: 'repeat', of: { kind: 'regex', pattern: 'a*' }, min: 0 })).toThrow('able to be nothing')
    let deep: unknown = { kind: 'enum', values: ['a'] }
    for (let i = 0; i < 100; i++) deep = { kind: 'either', options: [deep] }
    expect(refuse(deep)).toThrow('nest at most 64 deep')
  })

  test('a cache gives equal specs one grammar and forgets the oldest', () => {
    const cache = new GrammarCache(vocabulary, { most: 2 })
    const first = cache.compile(json({ type: 'null' }))
    expect(cache.compile(json({ type: 'null' }))).toBe(first)
    cache.compile(json({ type: 'string' }))
    cache.compile(json({ type: 'boolean' }))
    expect(cache.compile(json({ type: 'null' }))).not.toBe(first)
  })
})

describe('schemas', () => {
  test('properties keep their order, propertyOrdering first, and optional ones may be left out', () => {
    const schema = {
      type: 'OBJECT',
      properties: {
        a: { type: 'INTEGER' },
        b: { type: 'BOOLEAN', nullable: true },
        c: { type: 'STRING', enum: ['x', 'y'] },
      },
      required: ['c'],
      propertyOrdering: ['c', 'a'],
    }
    const text = (value: unknown): boolean => holds(json(schema), JSON.stringify(value))
    expect(text({ c: 'x', a: 1, b: null })).toBe(true)
    expect(text({ c: 'y' })).toBe(true)
    expect(text({ c: 'y', b: true })).toBe(true)
    expect(text({ a: 1, c: 'x' })).toBe(false)
    expect(text({ a: 1 })).toBe(false)
    expect(text({ c: 'z' })).toBe(false)
    expect(text({ c: 'x', d: 1 })).toBe(false)
  })

  test('blanks are none, or one after comma and colon', () => {
    const spec = json({ type: 'object', properties: { a: { type: 'array', items: { type: 'integer' } } } })
    expect(holds(spec, '{"a":[1,2]}')).toBe(true)
    expect(holds(spec, '{"a": [1, 2]}')).toBe(false)
    expect(holds(spec, '{"a": [1, 2]}', { whitespace: 'spaced' })).toBe(true)
    expect(holds(spec, '{"a":  [1]}', { whitespace: 'spaced' })).toBe(false)
  })

  test('strings are JSON: escapes as they must be, characters whole, lengths in characters', () => {
    const spec = json({ type: 'string', minLength: 1, maxLength: 2 })
    for (const text of ['"a"', '"\\u00e9"', '"\\ud83d\\ude42"', '"🙂🙂"', '"\\"\\\\"', '"\\/\\b"']) {
      expect(holds(spec, text), text).toBe(true)
    }
    for (const text of ['""', '"abc"', '"\\ud83d"', '"\\x"', '"\n"', '"a', '"\\u00g0"']) {
      expect(holds(spec, text), text).toBe(false)
    }
    expect(write(matcherOf(spec), '"').allows(0xff)).toBe(false)
  })

  test('counts of properties hold, and a key that is known is no other key', () => {
    const spec = json({
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'integer' } },
      additionalProperties: { type: 'string' },
      minProperties: 2,
      maxProperties: 3,
    })
    expect(holds(spec, '{"a":1,"b":2}')).toBe(true)
    expect(holds(spec, '{"a":1,"x":"y"}')).toBe(true)
    expect(holds(spec, '{"a":1}')).toBe(false)
    expect(holds(spec, '{"a":1,"b":2,"x":"","y":""}')).toBe(false)
    expect(holds(spec, '{"a":1,"b":"text"}')).toBe(false)
    expect(holds(spec, '{"a":1,"bb":"text"}')).toBe(true)
    // twice the same key would count once
    expect(holds(spec, '{"x":"","x":""}')).toBe(false)
  })

  test('references recurse, also through properties that must be there', () => {
    const list = {
      $ref: '#/$defs/list',
      $defs: {
        list: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/list' }, { type: 'null' }] } },
          required: ['next'],
        },
      },
    }
    const deep = (n: number): unknown => (n === 0 ? { next: null } : { next: deep(n - 1) })
    expect(holds(json(list), JSON.stringify(deep(200)))).toBe(true)
    expect(holds(json({ type: 'array', items: { $ref: '#' } }), '[[],[[[]]]]')).toBe(true)
  })

  test('what cannot be kept is refused with its name and path', () => {
    const refuse = (schema: unknown) => () => matcherOf(json(schema))
    const inA = (schema: unknown): unknown => ({ type: 'object', properties: { a: schema } })
    expect(refuse(inA({ not: {} }))).toThrow('#/properties/a: keywords must be ones that can be kept, got "not"')
    expect(refuse(inA({ patternProperties: {} }))).toThrow('got "patternProperties"')
    expect(refuse(inA({ type: 'array', uniqueItems: true }))).toThrow('#/properties/a: keywords must be')
    expect(refuse(inA({ type: 'string', format: 'iban' }))).toThrow('#/properties/a: format must be one of date')
    expect(refuse(inA({ type: 'number', multipleOf: 0.1 }))).toThrow('#/properties/a: a number must be possible')
    expect(refuse(inA({ type: 'thing' }))).toThrow('type must be a type of JSON')
    expect(refuse(inA({ type: 'string', minLength: -1 }))).toThrow('minLength must be a count')
    expect(refuse(inA({ type: 'string', pattern: '(' }))).toThrow("a '(' without its ')'")
    expect(refuse({ $ref: '#/$defs/none' })).toThrow('$ref must point to something')
    expect(refuse({ $ref: 'https://example.org/schema' })).toThrow('$ref must point into the schema itself')
    expect(refuse({ $ref: '#' })).toThrow(/schema must/)
    expect(refuse({ anyOf: [{ $ref: '#' }, { type: 'null' }] })).toThrow('only a reference to itself')
    expect(refuse({ allOf: [{ $ref: '#' }] })).toThrow('a circle')
    expect(refuse(inA({ oneOf: [{ type: 'integer' }, { type: 'number' }] }))).toThrow('options must exclude each other')
    expect(refuse({ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] })).toThrow('a value that ends')
    expect(refuse(false)).toThrow('false, which allows nothing')
    expect(refuse('text')).toThrow('a schema must be an object')
  })

  test('hostile schemas are small work', () => {
    expect(holds(json({ type: 'array', items: { type: 'null' }, minItems: 1, maxItems: 1e9 }), '[null,null]')).toBe(
      true,
    )
    expect(holds(json({ type: 'string', minLength: 2, maxLength: 1e9 }), '"ab"')).toBe(true)
    expect(holds(json({ type: 'string', pattern: '^(a+)+$' }), `"${'a'.repeat(500)}"`)).toBe(true)
    expect(holds(json({ type: 'string', pattern: '^(a|aa)*b$' }), `"${'a'.repeat(500)}b"`)).toBe(true)
    const many = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`p${i}`, { type: 'integer' }]))
    expect(holds(json({ type: 'object', properties: many }), '{"p3":1,"p899":2}')).toBe(true)
    let deep: unknown = { type: 'string' }
    for (let i = 0; i < 500; i++) deep = { type: 'array', items: deep }
    expect(() => matcherOf(json(deep))).toThrow('must nest at most 100 deep')
    // two recursive ways that never differ: places multiply unless they are bounded
    const twice = {
      $ref: '#/$defs/t',
      $defs: {
        t: {
          anyOf: [
            { type: 'array', items: { $ref: '#/$defs/t' } },
            { type: 'array', items: { $ref: '#/$defs/t' }, maxItems: 9 },
            { type: 'null' },
          ],
        },
      },
    }
    expect(holds(json(twice), `${'['.repeat(30)}null${']'.repeat(30)}`)).toBe(true)
  })
})

test("Gemini's Schema becomes JSON Schema, and JSON Schema stays as it is", () => {
  const gemini = {
    type: 'OBJECT',
    nullable: true,
    properties: {
      type: { type: 'STRING', format: 'enum', enum: ['A', 'B'], nullable: true },
      nullable: { type: 'ARRAY', items: { type: 'NUMBER', minimum: '1' }, maxItems: '3' },
      any: { anyOf: [{ type: 'STRING' }, { type: 'INTEGER' }], nullable: true },
    },
    propertyOrdering: ['any', 'type'],
  }
  const before = structuredClone(gemini)
  expect(normaliseSchema(gemini)).toEqual({
    type: ['object', 'null'],
    properties: {
      type: { type: ['string', 'null'], enum: ['A', 'B', null] },
      nullable: { type: 'array', items: { type: 'number', minimum: 1 }, maxItems: 3 },
      any: { anyOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }] },
    },
    propertyOrdering: ['any', 'type'],
  })
  expect(gemini).toEqual(before)
  const plain = { type: 'object', properties: { a: { const: 'STRING' } }, required: ['a'], $defs: { x: true } }
  expect(normaliseSchema(plain)).toEqual(plain)
})
