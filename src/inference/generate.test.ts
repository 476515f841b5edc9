import { expect, test } from 'vitest'
import { Decoder, preset } from '../model/index.ts'
import { Rng } from '../util/index.ts'
import { type CachedGenerateOptions, generate, generatePlainly, lastLogits } from './generate.ts'
import { sampleToken } from './sampling.ts'

const { config } = preset('micro')
const model = new Decoder(config).initialise(new Rng(1))

async function collect(prompt: number[], options: Partial<CachedGenerateOptions>): Promise<number[]> {
  const out: number[] = []
  for await (const id of generate(model, prompt, { maxTokens: 8, rng: new Rng(5), ...options })) out.push(id)
  return out
}

test('greedy takes the likeliest token each time', async () => {
  const out = await collect([1, 2, 3], { temperature: 0, maxTokens: 3, compute: 'f32' })
  const ids = [1, 2, 3]
  for (const id of out) {
    const logits = lastLogits(model, ids, 'f32')
    expect(logits[id]).toBe(Math.max(...logits))
    ids.push(id)
  }
})

test('the same seed draws the same tokens, another seed others', async () => {
  const first = await collect([7], {})
  expect(first).toHaveLength(8)
  expect(await collect([7], {})).toEqual(first)
  expect(await collect([7], { rng: new Rng(6) })).not.toEqual(first)
})

test('without a cache the same tokens are drawn, and a longer prompt is cut to its end', async () => {
  const plainly = async (prompt: number[], maxTokens: number): Promise<number[]> => {
    const out: number[] = []
    const options = { maxTokens, rng: new Rng(5), compute: 'f32' } as const
    for await (const id of generatePlainly(model, prompt, options)) out.push(id)
    return out
  }
  expect(await plainly([1, 2, 3], 20)).toEqual(await collect([1, 2, 3], { maxTokens: 20, compute: 'f32' }))
  const long = Array.from({ length: 100 }, (_, i) => (i * 31) % config.vocab_size)
  expect(await plainly(long, 3)).toEqual(await plainly(long.slice(-32), 3))
})

test('a prompt too long names its size and the limit, and the rest says what fits', async () => {
  await expect(collect(Array<number>(33).fill(1), {})).rejects.toThrow(
    'prompt must be at most 32 tokens (max_position_embeddings), got 33',
  )
  const [prompt, maxTokens] = [Array<number>(30).fill(1), 4]
  await expect(collect(prompt, { maxTokens })).rejects.toMatchObject({
    message: 'generate: context must be at most 32 tokens (max_position_embeddings), got 30 and 4 to come',
    hint: 'ask for at most 3 tokens, or shorten the prompt',
  })
  expect(await collect(prompt, { maxTokens: 3 })).toHaveLength(3)
})

test('progress on a prompt is told chunk by chunk', async () => {
  const told: [number, number][] = []
  await collect(Array<number>(20).fill(1), { chunk: 8, onProgress: (done, total) => told.push([done, total]) })
  expect(told).toEqual([
    [7, 20],
    [14, 20],
    [20, 20],
  ])
})

test('a stop token ends the text and is not returned', async () => {
  const [first, second] = await collect([9], { temperature: 0, maxTokens: 2 })
  expect(await collect([9], { temperature: 0, stopIds: [second] })).toEqual(first === second ? [] : [first])
})

test('an empty prompt is refused', async () => {
  await expect(collect([], {})).rejects.toThrow('at least 1 token, got 0')
})

test('draws follow the softmax at their temperature', () => {
  const logits = Float32Array.of(0, Math.log(2), Math.log(4), -Infinity)
  const count = (options: object): number[] => {
    const rng = new Rng(3)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 14_000; i++) counts[sampleToken(logits, options, rng)]++
    return counts.map((n) => n / 14_000)
  }
  const close = (got: number[], expected: number[]): void =>
    got.forEach((share, i) => expect(Math.abs(share - expected[i])).toBeLessThan(0.02))
  close(count({}), [1 / 7, 2 / 7, 4 / 7, 0])
  close(count({ temperature: 0.5 }), [1 / 21, 4 / 21, 16 / 21, 0])
  close(count({ topK: 2 }), [0, 1 / 3, 2 / 3, 0])
  close(count({ topP: 0.5 }), [0, 0, 1, 0])
  close(count({ topP: 0.6 }), [0, 1 / 3, 2 / 3, 0])
  close(count({ temperature: 0 }), [0, 0, 1, 0])
})

test('settings that cannot be are refused', () => {
  const draw = (options: object) => () => sampleToken(new Float32Array(3), options, new Rng(0))
  expect(draw({ temperature: -1 })).toThrow('temperature must be at least 0, got -1')
  expect(draw({ topP: 0 })).toThrow('topP must be above 0 and at most 1, got 0')
})
