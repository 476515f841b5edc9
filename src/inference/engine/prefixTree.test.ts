import { expect, test } from 'vitest'
import { parseConfig, preset } from '../../model/index.ts'
import { Rng } from '../../util/index.ts'
import { KvCache } from '../cache.ts'
import { PagePool } from '../pagePool.ts'
import { prefixKeys } from './prefixKeys.ts'
import { PrefixTree } from './prefixTree.ts'

const config = parseConfig({ ...preset('micro').config, max_position_embeddings: 1024 })
const pool = new PagePool()

function cacheOf(tokens: number): KvCache {
  const cache = new KvCache(config, { pool })
  cache.reserve(tokens)
  cache.advance(tokens)
  return cache
}

const keys = (...values: number[]): Float64Array => Float64Array.from(values)

test('a match is the deepest checkpoint on the way, and says how far the way is known', () => {
  const tree = new PrefixTree()
  tree.insert(keys(1, 2, 3), cacheOf(3))
  tree.insert(keys(1, 2, 3, 4, 5, 6), cacheOf(6))
  tree.insert(keys(1, 2, 9), cacheOf(3))
  const found = (limit: number, ...text: number[]) => {
    const { cache, shared } = tree.match(keys(...text), limit)
    return [cache?.length ?? 0, shared]
  }
  expect(found(99, 1, 2, 3, 4, 5, 6, 7)).toEqual([6, 6])
  expect(found(5, 1, 2, 3, 4, 5, 6, 7)).toEqual([3, 6])
  expect(found(99, 1, 2, 3, 4, 8)).toEqual([3, 4])
  expect(found(99, 1, 2, 9, 9)).toEqual([3, 3])
  expect(found(99, 1, 2)).toEqual([0, 2])
  expect(found(99, 7)).toEqual([0, 0])
  tree.clear()
  expect(pool.usedBytes).toBe(0)
})

test('the least recently used goes first, pinned ones never, and points that lead nowhere go with it', () => {
  const tree = new PrefixTree()
  tree.insert(keys(1, 2), cacheOf(2))
  tree.insert(keys(1, 2, 3), cacheOf(3))
  tree.insert(keys(5, 6), cacheOf(2))
  tree.match(keys(1, 2), 2)
  expect(tree.pin(keys(1, 2, 3))).toBe(true)
  expect(tree.pin(keys(1, 2, 4))).toBe(false)
  expect(tree.evict()).toBe(true)
  expect([tree.has(keys(5, 6)), tree.has(keys(1, 2)), tree.size]).toEqual([false, true, 2])
  expect(tree.evict()).toBe(true)
  expect(tree.evict()).toBe(false)
  expect([tree.has(keys(1, 2, 3)), tree.pinned]).toEqual([true, 1])
  tree.unpin(keys(1, 2, 3))
  expect(tree.evict()).toBe(true)
  expect([tree.size, pool.usedBytes]).toEqual([0, 0])
  expect(tree.match(keys(1, 2, 3), 9).shared).toBe(0)
})

test('finds what a list of all checkpoints finds, whatever is inserted and evicted', () => {
  const rng = new Rng(5)
  const tree = new PrefixTree()
  const known = new Map<string, number>()
  const text = (): Float64Array => Float64Array.from({ length: 1 + rng.integer(9) }, () => rng.integer(3))
  for (let round = 0; round < 600; round++) {
    const own = text()
    const dice = rng.uniform()
    if (dice < 0.5) {
      tree.insert(own, cacheOf(own.length))
      known.set(own.join(), round)
    } else if (dice < 0.75) {
      const oldest = [...known].sort((a, b) => a[1] - b[1])[0]
      expect(tree.evict()).toBe(oldest !== undefined)
      if (oldest) known.delete(oldest[0])
    } else {
      let deepest = ''
      for (let i = 1; i <= own.length; i++)
        if (known.has(own.subarray(0, i).join())) deepest = own.subarray(0, i).join()
      expect(tree.match(own, 99).cache?.length ?? 0).toBe(deepest === '' ? 0 : deepest.split(',').length)
      if (deepest !== '') known.set(deepest, round)
    }
    expect(tree.size).toBe(known.size)
  }
  tree.clear()
  expect(pool.usedBytes).toBe(0)
})

test('places of media are told apart by what is in them', () => {
  const ids = Int32Array.of(1, 7, 7, 7, 2)
  const picture = (value: number, positions = [0, 0, 1, 0, 2, 0]) => ({
    ids,
    pictures: [{ start: 1, count: 3, features: Float32Array.of(value, 2, 3), positions: Int32Array.from(positions) }],
  })
  const plain = prefixKeys({ ids })
  const [one, same, other, moved] = [picture(1), picture(1), picture(1.0000001), picture(1, [0, 0, 0, 1, 0, 2])].map(
    prefixKeys,
  )
  const sound = prefixKeys({ ids, sounds: [{ start: 1, count: 3, features: Float32Array.of(1, 2, 3) }] })
  expect([...plain]).toEqual([...ids])
  expect(one).toEqual(same)
  expect([one[0], one[4]]).toEqual([1, 2])
  for (const each of [plain, other, moved, sound]) {
    for (const place of [1, 2, 3]) expect(each[place]).not.toBe(one[place])
  }
  expect(new Set(one).size).toBe(5)
  const block = prefixKeys({ ids, blockEnd: Int32Array.of(0, 3, 3, 3, 4) })
  expect(block.subarray(3)).toEqual(plain.subarray(3))
  expect(block[1]).not.toBe(plain[1])
})
