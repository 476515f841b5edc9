import { expect, test } from 'vitest'
import { ByteTokenizer } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { countSequences, emptyBatch, packSequence } from './packing.ts'
import type { Batch } from './packing.ts'
import type { Piece } from './split.ts'
import { tokenStream } from './tokenStream.ts'
import type { TokenStream } from './tokenStream.ts'

const tokenizer = new ByteTokenizer()
const { bosId, eosId } = tokenizer

function pieceOf(text: string, whole = true): Piece {
  const document = { parts: [{ text }], provenance: { source: 'test', path: 'x' }, hash: '', bytes: text.length }
  return { document, text, whole }
}

function packAll(stream: TokenStream, time: number, offset = 0): Batch {
  const sequences = countSequences(stream, { time, offset })
  const batch = emptyBatch(sequences, time)
  for (let slot = 0; slot < sequences; slot++) packSequence(batch, stream, { slot, from: slot * time - offset, time })
  return batch
}

test('two documents are packed as the picture in the file head draws them', async () => {
  const stream = await tokenStream([pieceOf('abc'), pieceOf('defgh')], tokenizer)
  const batch = packAll(stream, 4)
  const name = (id: number): string =>
    id === bosId ? '<' : id === eosId ? '>' : id < 0 ? '-' : String.fromCharCode(id)
  expect([...batch.ids].map(name).join('')).toBe('<abc><defgh>')
  expect([...batch.targets].map(name).join('')).toBe('abc>-defgh>-')
  expect([...batch.segmentStart]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0])
  expect([...batch.positions]).toEqual([0, 1, 2, 3, 0, 0, 1, 2, 0, 1, 2, 3])
  expect(batch.numBytes).toBe(8)
})

test('a document cut by the split has no end mark', async () => {
  const { tokens } = await tokenStream([pieceOf('ab', false), pieceOf('c')], tokenizer)
  expect([...tokens]).toEqual([bosId, 97, 98, bosId, 99, eosId])
})

test('text that reads like a special token stays text', async () => {
  const { tokens } = await tokenStream([pieceOf('<eos>')], tokenizer)
  expect([...tokens]).toEqual([bosId, ...Buffer.from('<eos>'), eosId])
})

test('without a bos the eos opens documents; without either there is an error', async () => {
  const only = { vocabSize: 258, eosId, encode: tokenizer.encode, decodeBytes: tokenizer.decodeBytes }
  expect([...(await tokenStream([pieceOf('a')], only)).tokens]).toEqual([eosId, 97, eosId])
  await expect(tokenStream([pieceOf('a')], { ...only, eosId: null })).rejects.toThrow('must have a bosId or an eosId')
})

test('at any length and offset every token but the openers is a target exactly once', async () => {
  const rng = new Rng(5)
  for (let round = 0; round < 40; round++) {
    const pieces = Array.from({ length: 1 + rng.integer(12) }, () =>
      pieceOf('é1x'.repeat(rng.integer(20)), rng.integer(2) > 0),
    )
    const stream = await tokenStream(pieces, tokenizer)
    const time = 1 + rng.integer(16)
    const offset = rng.integer(time)
    const batch = packAll(stream, time, offset)
    const targeted = new Int32Array(stream.tokens.length)
    for (const [row, target] of batch.targets.entries()) {
      if (target < 0) continue
      expect(target).toBe(stream.tokens[row - offset + 1])
      targeted[row - offset + 1]++
    }
    const expected = new Int32Array(stream.tokens.length).fill(1)
    for (const start of stream.starts.subarray(0, -1)) expected[start] = 0
    expect(targeted).toEqual(expected)
    expect(batch.numBytes).toBe(pieces.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0))
  }
})

test('segments begin at documents or at the sequence, and positions count from there', async () => {
  const stream = await tokenStream([pieceOf('ab'), pieceOf('cdefghijkl'), pieceOf(''), pieceOf('m')], tokenizer)
  const time = 5
  const offset = 2
  const batch = packAll(stream, time, offset)
  const starts = new Set(stream.starts)
  for (let row = 0; row < batch.ids.length; row++) {
    const t = row % time
    const at = row - offset
    expect(batch.positions[row]).toBe(t - batch.segmentStart[row])
    const isNew = t === 0 || starts.has(at)
    expect(batch.segmentStart[row]).toBe(isNew ? t : batch.segmentStart[row - 1])
    expect(batch.ids[row]).toBe(stream.tokens[at] ?? bosId)
  }
})

test('the fingerprint tells streams apart', async () => {
  const [a, same, b] = await Promise.all(['abc', 'abc', 'abd'].map((text) => tokenStream([pieceOf(text)], tokenizer)))
  expect(a.fingerprint).toBe(same.fingerprint)
  expect(a.fingerprint).not.toBe(b.fingerprint)
})
