// What a grammar costs: compiling it, and the mask of every token, over a vocabulary of 8192 and one of 262144.
//
// Values are written token by token under their schema; a text is written once on a fresh grammar and vocabulary (cold: what
// the first request pays) and then again as other texts (warm). The peer is the budget of a mask: 100 microseconds.
// The large vocabulary is a real one of byte pairs, filled up with pairs of its tokens. `--filter 8192` takes the small one.
import { performance } from 'node:perf_hooks'
import { compileGrammar, GrammarVocabulary } from '../src/inference/index.ts'
import { openCorpus, sampleTexts, splitDocuments } from '../src/data/index.ts'
import { randomSchema } from '../src/testing/index.ts'
import { type Tokenizer, trainTokenizer } from '../src/tokenizer/index.ts'
import { Rng } from '../src/util/index.ts'
import type { BenchOptions, Report } from './report.ts'

export const name = 'grammar'
export const description = 'compile time and mask time per token of grammars (--filter 8192, 262144)'

const budget = 100
const person = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 80 },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    email: { type: 'string', format: 'email' },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 10 },
    role: { enum: ['admin', 'editor', 'viewer'] },
  },
  required: ['name', 'age', 'tags', 'role'],
}
const personValue = {
  ...{ name: 'Ada Lovelace, countess of "numbers"', age: 36, email: 'ada@example.org' },
  ...{ tags: ['mathematics', 'poetry', 'the analytical engine', 'été'], role: 'editor' },
}
const tree = {
  $defs: {
    node: {
      type: 'object',
      properties: { text: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
      required: ['text', 'children'],
    },
  },
  $ref: '#/$defs/node',
}
const leaf = (text: string): unknown => ({ text, children: [] })
const treeValue = { text: 'a root', children: [leaf('one'), { text: 'two', children: [leaf('three'), leaf('four')] }] }

interface Case {
  name: string
  schema: unknown
  values: unknown[]
}

export async function run(report: Report, { filter }: BenchOptions): Promise<void> {
  const tokenizer = await realTokenizer()
  for (const size of [8192, 262_144]) {
    if (filter !== undefined && filter !== String(size)) continue
    const started = performance.now()
    const make = (): GrammarVocabulary => vocabularyOf(tokenizer, size)
    make()
    report.note(`${size} tokens: tree built in ${(performance.now() - started).toFixed(0)} ms, once a model`)
    for (const each of cases()) measure(report, each, tokenizer, make)
  }
}

async function realTokenizer(): Promise<Tokenizer> {
  const { train } = splitDocuments((await openCorpus({})).documents)
  return trainTokenizer(sampleTexts(train, 8e6), { vocabSize: 8192 })
}

function vocabularyOf(tokenizer: Tokenizer, size: number): GrammarVocabulary {
  const tokens = Array.from({ length: tokenizer.vocabSize }, (_, id) =>
    tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
  )
  const rng = new Rng(1)
  const any = (): Uint8Array => tokens[rng.integer(tokenizer.vocabSize)] ?? new Uint8Array(0)
  while (tokens.length < size) tokens.push(Buffer.concat([any(), any()]))
  return new GrammarVocabulary({ tokens, stopIds: [tokenizer.eosId] })
}

function cases(): Case[] {
  const rng = new Rng(7)
  const random = Array.from({ length: 20 }, () => randomSchema(rng))
  return [
    { name: 'person', schema: person, values: [personValue] },
    { name: 'recursive tree', schema: tree, values: [treeValue] },
    { name: 'any JSON', schema: true, values: [personValue, treeValue] },
    ...random.map(({ schema, value }, i) => ({ name: `random ${i}`, schema, values: [value(rng), value(rng)] })),
  ]
}

/** Microseconds of every mask of a text, accepting its tokens. */
function maskTimes(grammar: ReturnType<typeof compileGrammar>, ids: Int32Array): number[] {
  const matcher = grammar.matcher()
  return Array.from(ids, (id) => {
    const start = performance.now()
    matcher.mask()
    matcher.accept(id)
    return (performance.now() - start) * 1000
  })
}

function measure(
  report: Report,
  { name: label, schema, values }: Case,
  tokenizer: Tokenizer,
  make: () => GrammarVocabulary,
): void {
  const vocabulary = make()
  const compile = (): [ReturnType<typeof compileGrammar>, number] => {
    const start = performance.now()
    const grammar = compileGrammar({ kind: 'json', schema }, vocabulary)
    return [grammar, performance.now() - start]
  }
  const texts = values.map((value) => tokenizer.encode(JSON.stringify(value)))
  const [grammar, compileTime] = compile()
  const cold = texts.flatMap((ids) => maskTimes(grammar, ids))
  const again = compile()[0]
  const warm = texts.flatMap((ids) => maskTimes(again, ids))
  const at = (times: number[], share: number): number => {
    const sorted = [...times].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  }
  const mean = (times: number[]): number => times.reduce((sum, time) => sum + time, 0) / times.length
  const prefix = `${label}, ${vocabulary.size}`
  const row = (what: string, value: number): void =>
    report.row({
      case: `${prefix}: ${what}`,
      value,
      unit: 'us',
      peer: 'budget of a mask',
      peerValue: budget,
      ratio: budget / value,
    })
  report.row({ case: `${prefix}: compile`, value: compileTime, unit: 'ms', peer: null, peerValue: null, ratio: null })
  row('mask, first text, mean', mean(cold))
  row('mask, first text, p99', at(cold, 0.99))
  row('mask, grammar anew, mean', mean(warm))
  row('mask, grammar anew, p50', at(warm, 0.5))
  row('mask, grammar anew, p99', at(warm, 0.99))
}
