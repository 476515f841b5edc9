import { expect, test } from 'vitest'
import { MediaByteTokenizer } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { MediaEncoder } from './mediaEncoding.ts'
import { MediaLoader, type MediaSource } from './mediaLoader.ts'
import type { MediaPart } from './mediaPart.ts'

const tokenizer = new MediaByteTokenizer()
const shape = { patchSize: 4, pooling: 1, imageTokens: 4, frameTokens: 4, soundFeatures: 'log_mel', mels: 16 } as const
const encoder = new MediaEncoder({ tokenizer, shape })
const time = 48

/** Document i: text that names it, and a picture, a sound or neither. */
function document(index: number): MediaPart[] {
  const rng = new Rng(index)
  const text = `${index}:${'x'.repeat(rng.integer(20))}`
  if (index % 3 === 1) {
    const data = Uint8Array.from({ length: 8 * 8 * 3 }, () => rng.integer(256))
    return [{ picture: { width: 8, height: 8, data } }, { text }]
  }
  if (index % 3 === 2) return [{ sound: { rate: 16_000, samples: new Float32Array(1300).fill(0.1) } }, { text }]
  return [{ text }]
}

const source: MediaSource = { fingerprint: 'test', document }
const newLoader = () => new MediaLoader(source, encoder, { batch: 3, time })
const id = (name: string): number => tokenizer.specialTokens.get(name)!

test('every document comes once, whole, and placeholders are the rows with features', async () => {
  const loader = newLoader()
  const seen: number[] = []
  for (let i = 0; i < 20; i++) {
    const batch = await loader.next()
    const rowsOf = (name: string) => [...batch.ids.keys()].filter((row) => batch.ids[row] === id(name))
    expect([...(batch.pictures?.rows ?? [])]).toEqual(rowsOf('<|image|>'))
    expect([...(batch.sounds?.rows ?? [])]).toEqual(rowsOf('<|audio|>'))
    expect(batch.pictures?.features.length ?? 0).toBe(rowsOf('<|image|>').length * 48)
    for (let row = 0; row < batch.ids.length; row++) {
      if (batch.ids[row] !== tokenizer.bosId) continue
      expect(batch.positions[row]).toBe(0)
      expect(batch.segmentStart[row]).toBe(row % time)
      const end = batch.ids.indexOf(tokenizer.eosId, row)
      const body = [...batch.ids.subarray(row, end)]
      seen.push(Number(tokenizer.decode(body).split(':')[0]))
      // targets are the next token, within the document, where it is text
      for (let at = row; at < end; at++) {
        const next = batch.ids[at + 1]
        const isText = next >= tokenizer.firstByte || next === tokenizer.eosId
        expect(batch.targets[at]).toBe(isText ? next : -1)
      }
      expect(batch.targets[end]).toBe(-1)
    }
  }
  const { next, waiting } = loader.state()
  expect([...seen, ...waiting].sort((a, b) => a - b)).toEqual(Array.from({ length: next }, (_, i) => i))
})

test('a loader restored from its state serves the batches that followed', async () => {
  const first = newLoader()
  for (let i = 0; i < 5; i++) await first.next()
  const state = JSON.parse(JSON.stringify(first.state())) as unknown
  const second = newLoader()
  await second.restore(state)
  for (let i = 0; i < 5; i++) expect(await second.next()).toEqual(await first.next())
})

test('the rows of a picture end where their block ends, inside the sequence', async () => {
  const { pictures, blockEnd } = await newLoader().next()
  for (let i = 0; i < pictures!.rows.length; i += 4) {
    const rows = [...pictures!.rows.subarray(i, i + 4)]
    expect(rows.map((row) => blockEnd[row])).toEqual(rows.map(() => rows[3] % time))
  }
})

test('a document that no sequence holds is refused with both lengths', async () => {
  const long: MediaSource = { fingerprint: 'long', document: () => [{ text: 'x'.repeat(100) }] }
  const loader = new MediaLoader(long, encoder, { batch: 1, time })
  await expect(loader.next()).rejects.toThrow('must fit into a sequence of 48 tokens, got 102')
})

test('a state of another source is refused', async () => {
  await expect(newLoader().restore({ next: 1, waiting: [], fingerprint: 'other' })).rejects.toThrow(
    'the documents it left',
  )
  await expect(newLoader().restore({ next: -1 })).rejects.toThrow('must hold next, waiting and fingerprint')
})
