// Tokens that a grammar forces: taken without a draw, or guessed as the tokenizer would write them, and the text stays the same.
import { describe, expect, test } from 'vitest'
import { Decoder, parseConfig, preset } from '../../model/index.ts'
import { chatTokenizer, randomSchema } from '../../testing/index.ts'
import { type Tokenizer, trainTokenizer } from '../../tokenizer/index.ts'
import { Rng } from '../../util/index.ts'
import type { Engine, EngineRequest } from '../engineTypes.ts'
import { createEngine } from './engine.ts'
import { onlyToken } from './matcher.ts'

const longNames = {
  type: 'object',
  properties: {
    temperature_in_degrees: { type: 'integer', minimum: 0, maximum: 99 },
    colour_of_the_harbour_wall: { type: 'string', enum: ['red', 'green', 'grey'] },
    is_open_in_the_winter_months: { type: 'boolean' },
  },
  required: ['temperature_in_degrees', 'colour_of_the_harbour_wall', 'is_open_in_the_winter_months'],
  additionalProperties: false,
}

/** Text in which the names stand, so that they become few tokens. */
const corpus = [
  `${JSON.stringify(Object.fromEntries(Object.keys(longNames.properties).map((name) => [name, 1])))}\n`.repeat(50),
]
const tokenizers: Record<string, () => Promise<Tokenizer>> = {
  'of bytes': async () => chatTokenizer(),
  'of pieces of words': () => trainTokenizer(corpus, { vocabSize: 340 }),
}

function newEngine(tokenizer: Tokenizer, speculate: number): Engine {
  const config = parseConfig({
    ...preset('micro').config,
    ...{ vocab_size: tokenizer.vocabSize, max_position_embeddings: 1024 },
  })
  return createEngine(new Decoder(config).initialise(new Rng(1)), {
    ...{ compute: 'f32', maxRunning: 5, buffer: 16, speculate },
    vocabulary: {
      tokens: Array.from({ length: tokenizer.vocabSize }, (_, id) =>
        tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
      ),
      stopIds: [tokenizer.eosId],
      bpe: { merges: tokenizer.merges, pattern: tokenizer.pattern },
    },
  })
}

async function idsOf(engine: Engine, request: EngineRequest): Promise<{ ids: number[]; reason?: string }> {
  const ids: number[] = []
  let reason: string | undefined
  for await (const event of engine.generate(request)) {
    if (event.type === 'token') ids.push(event.id)
    if (event.type === 'finish') reason = event.reason
  }
  return { ids, reason }
}

describe.each(Object.keys(tokenizers))('with a vocabulary %s', (name) => {
  test('texts are the same with and without looking ahead, whatever else is served', async () => {
    const tokenizer = await tokenizers[name]()
    const rng = new Rng(7)
    const requests = Array.from({ length: 24 }, (_, i): EngineRequest => ({
      prompt: { ids: Int32Array.from({ length: 2 + rng.integer(40) }, () => rng.integer(tokenizer.vocabSize)) },
      // some are cut in the middle of what is forced
      maxTokens: i % 3 === 0 ? 1 + rng.integer(40) : 200,
      stopIds: [tokenizer.eosId],
      grammar: { kind: 'json', schema: i % 2 === 0 ? longNames : randomSchema(rng).schema },
      sampling: {
        temperature: rng.integer(3) / 2,
        topP: 0.9,
        frequencyPenalty: rng.integer(2),
        seed: rng.integer(1e9),
      },
    }))
    // a request for log-probabilities draws every token from its own logits
    const plain = newEngine(tokenizer, 0)
    const want = []
    for (const request of requests)
      want.push(await idsOf(plain, { ...request, logprobs: { top: 0 }, keepPrefix: false }))
    expect((await plain.stats()).tokens).toMatchObject({ forced: 0, drafted: 0 })
    await plain.close()

    const engine = newEngine(tokenizer, 8)
    expect(await Promise.all(requests.map((request) => idsOf(engine, request)))).toEqual(want)
    const { tokens, pages, running } = await engine.stats()
    expect(tokens.forced + tokens.accepted).toBeGreaterThan(100)
    expect([pages.used, pages.lost, running]).toEqual([0, 0, 0])
    await engine.close()
  })

  test('a model that writes names as the tokenizer does takes far fewer passes than tokens', async () => {
    const tokenizer = await tokenizers[name]()
    const engine = newEngine(tokenizer, 8)
    // what training would bring: the longest piece is the likeliest
    const lengths = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.tokenBytes(id).length)
    const logitBias = lengths.map((length, id) => [id, 3 * length] as const)
    for (let seed = 0; seed < 8; seed++) {
      await idsOf(engine, {
        ...{ prompt: { ids: Int32Array.of(5, 6, 7) }, maxTokens: 300, stopIds: [tokenizer.eosId] },
        ...{ grammar: { kind: 'json', schema: longNames }, sampling: { seed, logitBias } },
      })
    }
    const { output, forced, accepted } = (await engine.stats()).tokens
    expect(output - forced - accepted).toBeLessThan(0.6 * output)
    await engine.close()
  })
})

test('the only token of a mask is found in any of its places', () => {
  for (const id of [0, 31, 32, 63, 70]) {
    const mask = new Uint32Array(3)
    mask[id >> 5] |= 1 << (id & 31)
    expect(onlyToken(mask)).toBe(id)
    mask[1] |= 1 << 9
    expect(onlyToken(mask)).toBe(undefined)
  }
  expect(onlyToken(new Uint32Array(3))).toBe(undefined)
})
