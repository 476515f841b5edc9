// Differential: what a grammar lets a model of random logits write is judged by ajv, and what a schema allows must be let
// through, token by token, over a byte vocabulary and a real one of byte pairs.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, test } from 'vitest'
import { FORMAT_CHECKS, type JsonSchema, randomSchema, type SchemaCase } from '../../testing/index.ts'
import { trainTokenizer, type Tokenizer } from '../../tokenizer/index.ts'
import { Rng } from '../../util/index.ts'
import { TokenSampler } from '../tokenSampler.ts'
import { compileGrammar } from './compile.ts'
import type { GrammarMatcher } from './matcher.ts'
import { GrammarVocabulary } from './vocabulary.ts'

const SCHEMAS = 200

const ajv = new Ajv2020({ strict: false, allErrors: false, formats: FORMAT_CHECKS })

interface Writer {
  vocabulary: GrammarVocabulary
  encode(text: string): ArrayLike<number>
  stop: number
}

const bytes: Writer = {
  vocabulary: new GrammarVocabulary({
    tokens: [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), undefined],
    stopIds: [256],
  }),
  encode: (text) => Buffer.from(text),
  stop: 256,
}
let pairs: Writer

const cases = ((): SchemaCase[] => {
  const rng = new Rng(12)
  return Array.from({ length: SCHEMAS }, () => randomSchema(rng))
})()

beforeAll(async () => {
  const rng = new Rng(5)
  const texts = cases.flatMap(({ value }) => [JSON.stringify(value(rng)), JSON.stringify(value(rng), null, 1)])
  const tokenizer: Tokenizer = await trainTokenizer([texts.join('\n'), 'the quick brown fox '.repeat(50)], {
    vocabSize: 1500,
  })
  const tokens = Array.from({ length: tokenizer.vocabSize }, (_, id) =>
    tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
  )
  pairs = {
    vocabulary: new GrammarVocabulary({ tokens, stopIds: [tokenizer.eosId] }),
    encode: (text) => tokenizer.encode(text),
    stop: tokenizer.eosId,
  }
})

/** A text by random logits under the mask; what closes is made likelier with every token, so that it ends. */
function write({ vocabulary, stop }: Writer, matcher: GrammarMatcher, rng: Rng): Buffer {
  const sampler = new TokenSampler({ seed: rng.uint32() }, vocabulary.size)
  const closing = vocabulary.tokens.map((token, id) => {
    if (id === stop) return 3
    return token ? ({ '"': 2, ']': 1, '}': 1 }[String.fromCharCode(token[0])] ?? 0) : 0
  })
  const parts: Uint8Array[] = []
  for (let count = 0; count < 20_000; count++) {
    const logits = Float32Array.from(closing, (closes) => 2 * rng.normal() + closes * Math.min(count / 8, 3))
    const id = sampler.next(logits, matcher.mask())
    matcher.accept(id)
    if (id === stop) return Buffer.concat(parts)
    parts.push(vocabulary.tokens[id]!)
  }
  throw new Error(`no end: ${Buffer.concat(parts).toString().slice(-200)}`)
}

/** Feeds a text; answers how far it came. */
function read(matcher: GrammarMatcher, ids: ArrayLike<number>): number {
  for (let i = 0; i < ids.length; i++) {
    if (!matcher.allows(ids[i])) return i
    matcher.accept(ids[i])
  }
  return ids.length
}

function checkValid(schema: JsonSchema, text: Buffer): void {
  expect(Buffer.from(text.toString()).equals(text), 'is UTF-8').toBe(true)
  const valid = ajv.validate(schema, JSON.parse(text.toString()))
  if (!valid) throw new Error(`${ajv.errorsText()}: ${text.toString()} under ${JSON.stringify(schema)}`)
}

describe(`${SCHEMAS} random schemas`, () => {
  test('whatever random logits write is valid', () => {
    const rng = new Rng(3)
    for (const { schema } of cases) {
      for (const writer of [bytes, pairs]) {
        const grammar = compileGrammar({ kind: 'json', schema }, writer.vocabulary)
        for (let i = 0; i < 2; i++) checkValid(schema, write(writer, grammar.matcher(), rng))
      }
    }
  }, 60_000)

  test('whatever they allow can be written', () => {
    const rng = new Rng(4)
    for (const { schema, value } of cases) {
      const grammars = [bytes, pairs].map((writer) => compileGrammar({ kind: 'json', schema }, writer.vocabulary))
      for (let i = 0; i < 5; i++) {
        const text = JSON.stringify(value(rng))
        checkValid(schema, Buffer.from(text))
        for (const [at, writer] of [bytes, pairs].entries()) {
          const matcher = grammars[at].matcher()
          const ids = writer.encode(text)
          const label = `${text} under ${JSON.stringify(schema)}`
          expect(read(matcher, ids), label).toBe(ids.length)
          expect(matcher.canEnd, label).toBe(true)
        }
      }
    }
  }, 60_000)

  test('a mask is what the bytes of each token say, and its forced bytes are the only way', () => {
    const rng = new Rng(6)
    for (const { schema } of cases.slice(0, 40)) {
      const grammar = compileGrammar({ kind: 'json', schema }, pairs.vocabulary)
      const plain = compileGrammar({ kind: 'json', schema }, bytes.vocabulary)
      const [matcher, shadow] = [grammar.matcher(), plain.matcher()]
      for (let step = 0; step < 12 && !matcher.isComplete; step++) {
        const mask = matcher.mask()
        const allowed: number[] = []
        pairs.vocabulary.tokens.forEach((token, id) => {
          const isSet = ((mask[id >> 5] >>> (id & 31)) & 1) === 1
          const probe = shadow.clone()
          const isRight = id === pairs.stop ? shadow.canEnd : token !== undefined && read(probe, token) === token.length
          expect(isSet, `${id} at ${step} of ${JSON.stringify(schema)}`).toBe(isRight)
          if (isSet && id !== pairs.stop) allowed.push(id)
        })
        checkForced(matcher, shadow)
        if (allowed.length === 0) break
        const id = allowed[rng.integer(allowed.length)]
        matcher.accept(id)
        read(shadow, pairs.vocabulary.tokens[id]!)
      }
    }
  }, 60_000)

  test('a token taken back leaves the masks as they were', () => {
    const rng = new Rng(8)
    for (const { schema } of cases.slice(0, 60)) {
      const matcher = compileGrammar({ kind: 'json', schema }, pairs.vocabulary).matcher()
      const masks: Uint32Array[] = []
      for (let i = 0; i < 12 && !matcher.isComplete; i++) {
        masks.push(matcher.mask().slice())
        matcher.accept(randomAllowed(matcher, pairs, rng))
      }
      const other = matcher.clone()
      while (masks.length > 0) {
        const count = matcher.length >= masks.length ? Math.min(matcher.length - masks.length + 1, matcher.length) : 0
        matcher.rollback(count)
        expect(matcher.mask()).toEqual(masks.pop())
      }
      expect(other.length).toBeGreaterThan(0)
    }
  })
})

function randomAllowed(matcher: GrammarMatcher, { vocabulary, stop }: Writer, rng: Rng): number {
  const mask = matcher.mask()
  const ids = Array.from(vocabulary.tokens.keys()).filter((id) => ((mask[id >> 5] >>> (id & 31)) & 1) === 1)
  const open = ids.filter((id) => id !== stop)
  return open.length > 0 ? open[rng.integer(open.length)] : stop
}

/** The forced bytes of a matcher over pairs, against one over bytes that is asked about every byte. */
function checkForced(matcher: GrammarMatcher, shadow: GrammarMatcher): void {
  const probe = shadow.clone()
  const ways = (): number[] => Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => probe.allows(byte))
  for (const byte of matcher.jumpForward().bytes) {
    expect(probe.canEnd).toBe(false)
    expect(ways()).toEqual([byte])
    probe.accept(byte)
  }
  expect(probe.canEnd || ways().length > 1).toBe(true)
}
