import { expect, test } from 'vitest'
import { tempFolder } from '../testing/index.ts'
import { readBlocks, readLines } from './readBlocks.ts'

test('blocks end after a line and give the file back when joined', () => {
  const text = Array.from({ length: 50 }, (_, i) => `line ${i} ${'x'.repeat(i % 9)}\n`).join('')
  using folder = tempFolder({ 'a.txt': text })
  const blocks = [...readBlocks(folder.file('a.txt'), 64)].map((block) => block.toString('utf8'))
  expect(blocks.join('')).toBe(text)
  expect(blocks.length).toBeGreaterThan(5)
  for (const block of blocks) expect(block.endsWith('\n')).toBe(true)
})

test('a block without a line end does not break a character', () => {
  const text = '漢字😀é'.repeat(40)
  using folder = tempFolder({ 'a.txt': text })
  for (const size of [16, 17, 18, 19]) {
    const blocks = [...readBlocks(folder.file('a.txt'), size)].map((block) => block.toString('utf8'))
    expect(blocks.join('')).toBe(text)
    expect(blocks.join('')).not.toContain('\uFFFD')
  }
})

test('an empty file has no blocks and no lines', () => {
  using folder = tempFolder({ 'a.txt': '' })
  expect([...readBlocks(folder.file('a.txt'))]).toEqual([])
  expect([...readLines(folder.file('a.txt'))]).toEqual([])
})

test('lines are cut at LF only, across chunks, and the last needs none', () => {
  const long = 'y'.repeat(2 ** 20 + 17)
  using folder = tempFolder({ 'a.jsonl': `one\u2028still one\n\n${long}\nlast` })
  const lines = [...readLines(folder.file('a.jsonl'))]
  expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4])
  expect(lines.map(({ bytes }) => bytes?.toString('utf8'))).toEqual(['one\u2028still one', '', long, 'last'])
})

test('a line over the limit is passed over and the next one is read', () => {
  using folder = tempFolder({ 'a.jsonl': `${'z'.repeat(3000)}\nshort\n` })
  const lines = [...readLines(folder.file('a.jsonl'), 1000)]
  expect(lines[0]).toEqual({ number: 1, bytes: null })
  expect(lines[1].bytes?.toString()).toBe('short')
})
