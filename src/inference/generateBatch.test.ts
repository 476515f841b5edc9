import { expect, test } from 'vitest'
import { Decoder, preset } from '../model/index.ts'
import { Rng } from '../util/index.ts'
import { generate } from './generate.ts'
import { generateBatch } from './generateBatch.ts'

const model = new Decoder(preset('micro').config).initialise(new Rng(1))
const prompts = [[1, 2, 3], [7], [9, 8, 7, 6, 5, 4]].map((ids) => ({ ids: Int32Array.from(ids) }))
const options = { maxTokens: 6, temperature: 0, compute: 'f32' } as const

test('prompts side by side are continued as each alone', async () => {
  const together = await generateBatch(model, prompts, { ...options, rng: new Rng(0) })
  for (const [i, { ids }] of prompts.entries()) {
    const alone: number[] = []
    for await (const id of generate(model, ids, { ...options, rng: new Rng(0) })) alone.push(id)
    expect(together[i]).toEqual(alone)
  }
})

test('a stop token ends its row and leaves the others', async () => {
  const free = await generateBatch(model, prompts, { ...options, rng: new Rng(0) })
  const stop = free[0][2]
  const stopped = await generateBatch(model, prompts, { ...options, rng: new Rng(0), stopIds: [stop] })
  const upTo = (ids: number[]) => (ids.includes(stop) ? ids.slice(0, ids.indexOf(stop)) : ids)
  expect(stopped).toEqual(free.map(upTo))
})

test('only allowed ids are drawn', async () => {
  const rows = await generateBatch(model, prompts, {
    ...{ maxTokens: 5, temperature: 1, rng: new Rng(3) },
    allowed: (drawn) => [10 * drawn.length, 10 * drawn.length + 4],
  })
  for (const ids of rows) {
    ids.forEach((id, i) => expect(id >= 10 * i && id < 10 * i + 4).toBe(true))
    expect(ids).toHaveLength(5)
  }
})

test('a context too long says its size and the limit', async () => {
  const long = [{ ids: new Int32Array(30).fill(1) }]
  await expect(generateBatch(model, long, { ...options, rng: new Rng(0) })).rejects.toThrow(
    'context must be at most 32 tokens (max_position_embeddings), got 30 and 6 to come',
  )
})
