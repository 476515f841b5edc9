import { expect, test } from 'vitest'
import { ByteTokenizer } from '../testing/index.ts'
import { Loader } from './loader.ts'
import type { LoaderState } from './loader.ts'
import { prepareData } from './prepare.ts'
import { splitDocuments } from './split.ts'
import { tokenStream } from './tokenStream.ts'
import type { TokenStream } from './tokenStream.ts'

const tokenizer = new ByteTokenizer()
const texts = Array.from({ length: 30 }, (_, i) => `document ${i}: ${'abcdefghij'.repeat((i * 7) % 13)}`)
const documents = texts.map((text, i) => ({
  parts: [{ text }],
  provenance: { source: 'test', path: `${i}.txt` },
  hash: String(i),
  bytes: text.length,
}))

function streamOf(count = 30): Promise<TokenStream> {
  return tokenStream(splitDocuments(documents.slice(0, count), { share: 0 }).train, tokenizer)
}

test('restore at any step gives the batches that followed, through epochs', async () => {
  const options = { batch: 3, time: 32, seed: 9 }
  const stream = await streamOf()
  const loader = new Loader(stream, options)
  const steps = 3 * loader.batchesPerEpoch + 2
  const states: string[] = []
  const batches = Array.from({ length: steps }, () => {
    states.push(JSON.stringify(loader.state()))
    return loader.next()
  })
  for (let step = 0; step < steps; step++) {
    // The seed of the new loader does not matter: the state carries its own.
    const resumed = new Loader(stream, { ...options, seed: 1 })
    resumed.restore(JSON.parse(states[step]))
    for (const expected of batches.slice(step, step + 3)) expect(resumed.next()).toEqual(expected)
  }
})

test('an epoch holds every token as a target exactly once', async () => {
  const stream = await streamOf()
  // One sequence a batch, so that no batch reaches into the next epoch.
  const loader = new Loader(stream, { batch: 1, time: 8, seed: 4 })
  const expected = [...stream.tokens].filter((token) => token !== tokenizer.bosId).sort((a, b) => a - b)
  for (let epoch = 0; epoch < 3; epoch++) {
    loader.restore({ ...loader.state(), epoch, index: 0 })
    const batches = Array.from({ length: loader.batchesPerEpoch }, () => loader.next())
    const targets = batches.flatMap((batch) => [...batch.targets].filter((target) => target >= 0))
    expect(targets.sort((a, b) => a - b)).toEqual(expected)
    expect(batches.reduce((sum, { numBytes }) => sum + numBytes, 0)).toBe(texts.join('').length)
    expect(loader.state().epoch).toBe(epoch)
    loader.next()
    expect(loader.state()).toMatchObject({ epoch: epoch + 1, index: 1 })
  }
})

test('the order changes with the seed and with the epoch', async () => {
  const stream = await streamOf()
  const first = (seed: number, epoch: number): Int32Array => {
    const loader = new Loader(stream, { batch: 8, time: 16, seed })
    loader.restore({ ...loader.state(), epoch })
    return loader.next().ids
  }
  expect(first(1, 0)).toEqual(first(1, 0))
  expect(first(1, 0)).not.toEqual(first(2, 0))
  expect(first(1, 0)).not.toEqual(first(1, 1))
})

test('a corpus smaller than a batch is repeated, padding predicts nothing', async () => {
  const loader = new Loader(await streamOf(1), { batch: 4, time: 64 })
  const { ids, targets, numBytes } = loader.next()
  expect(ids).toHaveLength(256)
  expect(numBytes).toBeGreaterThan(0)
  expect(targets.filter((target) => target >= 0).length).toBeLessThan(256)
})

test('validation gives the same batches every time, and none of the text of training', async () => {
  const split = splitDocuments(documents, { share: 0.2 })
  const data = await prepareData(split, tokenizer, { batch: 2, time: 24, seed: 3 })
  const [a, b] = [data.validation!(), data.validation!()]
  const first = Array.from({ length: a.batchesPerEpoch }, () => a.next())
  expect(Array.from({ length: a.batchesPerEpoch }, () => b.next())).toEqual(first)
  expect(split.validation.length).toBeGreaterThan(0)
  expect(data.train.tokens.length + data.heldOut.tokens.length).toBeGreaterThan(texts.join('').length)
})

test('no held-out text means no validation', async () => {
  const data = await prepareData(splitDocuments(documents, { share: 0 }), tokenizer, { batch: 2, time: 24 })
  expect(data.validation).toBeUndefined()
})

test('a state of another corpus, length or shape is refused', async () => {
  const loader = new Loader(await streamOf(), { batch: 2, time: 16 })
  const other = new Loader(await streamOf(29), { batch: 2, time: 16 })
  expect(() => loader.restore(other.state())).toThrow('resume must find the corpus it left')
  const longer: LoaderState = { ...loader.state(), time: 32 }
  expect(() => loader.restore(longer)).toThrow('resume must keep the sequence length 32, got 16')
  for (const wrong of [null, {}, 7, { ...loader.state(), index: -1 }, { ...loader.state(), epoch: 0.5 }]) {
    expect(() => loader.restore(wrong)).toThrow('a loader state must hold')
  }
})

test('sizes that are no counts and empty streams are refused', async () => {
  const stream = await streamOf()
  expect(() => new Loader(stream, { batch: 0, time: 16 })).toThrow('batch and time must be whole numbers over 0')
  const empty = await tokenStream([], tokenizer)
  expect(() => new Loader(empty, { batch: 1, time: 16 })).toThrow('a stream must hold two tokens at least, got 0')
})
