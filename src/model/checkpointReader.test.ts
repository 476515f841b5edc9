import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { CheckpointReader } from './checkpointReader.ts'
import { copyCompanions, storedValues, writeTensors } from './checkpointWriter.ts'
import { type StoredTensor, type WritableTensor, writeSafetensors } from './safetensors.ts'

const root = mkdtempSync(join(tmpdir(), 'pollux-reader-'))
afterAll(() => rmSync(root, { recursive: true }))

function newFolder(name: string): string {
  const folder = join(root, name)
  mkdirSync(folder)
  return folder
}

/** Three tensors of 10 numbers in files of 100 bytes at most. */
function sharded(name: string): string {
  const folder = newFolder(name)
  const values = Float32Array.from({ length: 10 }, (_, i) => i)
  const tensors = new Map<string, WritableTensor>(
    ['a', 'b', 'c'].map((each) => [each, storedValues(values, [2, 5], 'f32')]),
  )
  writeTensors(folder, tensors, 100)
  return folder
}

test('tensors are spread over files no larger than asked, and found again through the index', () => {
  const folder = sharded('spread')
  expect(readdirSync(folder).sort()).toEqual([
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ])
  const index = JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8')) as object
  expect(index).toEqual({
    metadata: { total_size: 120 },
    weight_map: {
      a: 'model-00001-of-00002.safetensors',
      b: 'model-00001-of-00002.safetensors',
      c: 'model-00002-of-00002.safetensors',
    },
  })
  using reader = new CheckpointReader(folder)
  expect(reader.size).toBe(30)
  const target = new Float32Array(10)
  reader.take('c', [2, 5], target, 1)
  expect([...target]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  reader.ignore((name) => name === 'b')
  expect(() => reader.expectNoMore()).toThrow('1 tensor belongs to no part of this model, the first is a')
})

test('an array of millions of numbers is read piece by piece in every dtype', () => {
  const folder = newFolder('long')
  const count = (1 << 20) + 37
  const half = new Float16Array(count).map((_, i) => i % 2048)
  writeSafetensors(
    join(folder, 'model.safetensors'),
    new Map<string, WritableTensor>([
      ['half', { dtype: 'F16', shape: [count], data: new Uint16Array(half.buffer) }],
      [
        'brain',
        storedValues(
          Float32Array.from(half, (x) => x % 256),
          [count],
          'bf16',
        ),
      ],
      ['single', storedValues(Float32Array.from(half), [count], 'f32', 0.5)],
    ]),
  )
  using reader = new CheckpointReader(folder)
  const target = new Float32Array(count)
  for (const [name, value] of [
    ['half', (i: number) => i % 2048],
    ['brain', (i: number) => (i % 2048) % 256],
    ['single', (i: number) => (i % 2048) - 0.5],
  ] as const) {
    reader.take(name, [count], target)
    expect(
      target.findIndex((each, i) => each !== value(i)),
      name,
    ).toBe(-1)
  }
  reader.expectNoMore()
})

test('a shard that is missing, that lacks its tensor, or that lies elsewhere is named', () => {
  const folder = sharded('damaged')
  const path = join(folder, 'model.safetensors.index.json')
  const index = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, unknown> }
  const withMap = (change: Record<string, unknown>) => {
    writeFileSync(path, JSON.stringify({ weight_map: { ...index.weight_map, ...change } }))
    return () => new CheckpointReader(folder)
  }
  expect(withMap({ d: 'model-00001-of-00002.safetensors' })).toThrow(/tensor d is missing from model-00001-of-00002/)
  expect(withMap({ d: 'model-3.safetensors' })).toThrow(/model-3\.safetensors: cannot be opened/)
  expect(withMap({ d: '../other.safetensors' })).toThrow(/d must be in a \.safetensors file of the folder, got "\.\./)
  writeFileSync(path, '{}')
  expect(() => new CheckpointReader(folder)).toThrow(/index\.json must have a weight_map/)
  const numbers = newFolder('numbers')
  const whole: StoredTensor = { dtype: 'I32', shape: [1], data: Int32Array.of(1) }
  writeSafetensors(join(numbers, 'model.safetensors'), new Map([['n', whole]]))
  using reader = new CheckpointReader(numbers)
  expect(() => reader.take('n', [1], new Float32Array(1))).toThrow('tensor n must be F32, BF16 or F16, got I32')
  expect(() => new CheckpointReader(newFolder('empty'))).toThrow(/model\.safetensors is missing/)
})

test('tokenizer and chat template go along from one folder to another, byte for byte', () => {
  const [from, to] = [newFolder('from'), newFolder('to')]
  writeFileSync(join(from, 'tokenizer.json'), '{"a":1}')
  writeFileSync(join(from, 'chat_template.jinja'), '{{ bos_token }}\n')
  writeFileSync(join(from, 'training_state.json'), '{}')
  copyCompanions(from, to)
  expect(readdirSync(to).sort()).toEqual(['chat_template.jinja', 'tokenizer.json'])
  expect(readFileSync(join(to, 'chat_template.jinja'), 'utf8')).toBe('{{ bos_token }}\n')
})
