import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readSafetensors, SafetensorsError, type StoredTensor, writeSafetensors } from './safetensors.ts'

const folder = mkdtempSync(join(tmpdir(), 'pollux-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true }))

const path = join(folder, 'good.safetensors')
const tensors = new Map<string, StoredTensor>([
  ['a', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, NaN, Infinity, -0) }],
  ['half', { dtype: 'BF16', shape: [3], data: Uint16Array.of(0x3f80, 0x7fc0, 0x8000) }],
  ['empty', { dtype: 'F32', shape: [0, 7], data: new Float32Array(0) }],
  ['scalar', { dtype: 'I32', shape: [], data: Int32Array.of(-7) }],
])
writeSafetensors(path, tensors, { format: 'pt' })
const good = readFileSync(path)

/** The file with another header over the same data. */
function withHeader(change: (header: Record<string, Record<string, unknown>>) => void): Uint8Array {
  const length = Number(good.readBigUInt64LE(0))
  const header = JSON.parse(good.subarray(8, 8 + length).toString())
  change(header)
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([prefix, json, good.subarray(8 + length)])
}

function readBytes(bytes: Uint8Array) {
  const file = join(folder, 'changed.safetensors')
  writeFileSync(file, bytes)
  return readSafetensors(file)
}

test('what is written is read back bit for bit, empty arrays and scalars included', () => {
  const read = readSafetensors(path)
  expect(read.metadata).toEqual({ format: 'pt' })
  expect([...read.tensors.keys()]).toEqual([...tensors.keys()])
  for (const [name, tensor] of tensors) {
    const back = read.tensors.get(name)!
    expect({ dtype: back.dtype, shape: back.shape }).toEqual({ dtype: tensor.dtype, shape: tensor.shape })
    expect(Buffer.from(back.data.buffer)).toEqual(Buffer.from(tensor.data.buffer))
  }
})

test('the arrays start at a multiple of 8 bytes', () => {
  expect(Number(good.readBigUInt64LE(0)) % 8).toBe(0)
})

test.each([
  ['an unknown dtype', (h) => void (h.a.dtype = 'F8'), /dtype must be/],
  ['a negative size', (h) => void (h.a.shape = [-2, -3]), /shape must be/],
  ['a size that overflows', (h) => void (h.a.shape = [2 ** 40, 2 ** 40]), /shape must be/],
  ['a shape that its bytes do not hold', (h) => void (h.a.shape = [2, 4]), /takes 32 bytes/],
  ['offsets that run backwards', (h) => void (h.a.data_offsets = [24, 0]), /hold -24/],
  ['overlapping arrays', (h) => void (h.half.data_offsets = [2, 8]), /no overlap/],
  ['an array past the end', (h) => void (h.scalar.data_offsets = [1000, 1004]), /must start at 30/],
  ['offsets that lie beyond 50 MB', (h) => void (h.a.data_offsets = [50_000_000, 50_000_024]), /must start at 0/],
  ['a hole', (h) => void delete h.half, /no hole/],
  ['metadata that is not text', (h) => void (h.__metadata__ = { format: 3 }), /__metadata__/],
] as [string, (h: Record<string, Record<string, unknown>>) => void, RegExp][])('refuses %s', (_, change, message) => {
  expect(() => readBytes(withHeader(change))).toThrow(message)
})

test('refuses a header length beyond the file, without allocating it', () => {
  const bytes = Buffer.from(good)
  bytes.writeBigUInt64LE(2n ** 62n)
  expect(() => readBytes(bytes)).toThrow(/header length must be at most/)
})

test('refuses to write an array whose shape and size disagree', () => {
  const wrong = new Map<string, StoredTensor>([['x', { dtype: 'F32', shape: [3], data: new Float32Array(2) }]])
  expect(() => writeSafetensors(join(folder, 'x'), wrong)).toThrow('needs 12 bytes, got 8')
})

test('a missing file says so', () => {
  expect(() => readSafetensors(join(folder, 'none'))).toThrow(/cannot be opened/)
})

test('any truncation is an error', () => {
  for (let length = 0; length < good.length; length++) {
    expect(() => readBytes(good.subarray(0, length))).toThrow(SafetensorsError)
  }
})

test('a file with a random byte of its header changed is refused with our error, or reads within its bounds', () => {
  let seed = 1
  const random = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * n)
  }
  const headerEnd = 8 + Number(good.readBigUInt64LE(0))
  let refused = 0
  for (let round = 0; round < 1000; round++) {
    const bytes = Buffer.from(good)
    bytes[random(headerEnd)] = random(256)
    try {
      let total = 0
      for (const tensor of readBytes(bytes).tensors.values()) total += tensor.data.byteLength
      expect(total).toBe(good.length - headerEnd)
    } catch (error) {
      expect(error).toBeInstanceOf(SafetensorsError)
      refused++
    }
  }
  expect(refused).toBeGreaterThan(500)
})
