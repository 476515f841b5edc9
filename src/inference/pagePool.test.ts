import { describe, expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { type Page, PagePool } from './pagePool.ts'

describe('PagePool', () => {
  it('gives pages that are apart and aligned, and counts them', () => {
    const [pool, rng] = [new PagePool(), new Rng(5)]
    const held: Page[] = []
    for (let turn = 0; turn < 2000; turn++) {
      if (held.length > 0 && rng.uniform() < 0.45) {
        pool.give(held.splice(Math.floor(rng.uniform() * held.length), 1)[0])
      } else {
        held.push(pool.take([100, 4096, 3_000_000][Math.floor(rng.uniform() * 2.02)]))
      }
      if (turn % 100 === 0) pool.trim()
      expect(pool.usedBytes).toBe(held.reduce((sum, { bytes }) => sum + bytes.byteLength, 0))
    }
    const places = held.map(({ address, bytes }) => [address, address + BigInt(bytes.byteLength)] as const)
    places.sort(([a], [b]) => (a < b ? -1 : 1))
    places.forEach(([start], i) => {
      expect(start % 64n).toBe(0n)
      if (i > 0) expect(start).toBeGreaterThanOrEqual(places[i - 1][1])
    })
  })

  it('keeps what a page holds while its neighbours come and go', () => {
    const pool = new PagePool()
    const pages = Array.from({ length: 300 }, () => pool.take(8192))
    pages.forEach(({ bytes }, i) => bytes.fill(i % 251))
    pages.forEach((page, i) => {
      if (i % 2 === 1) pool.give(page)
    })
    pool.trim()
    for (let i = 0; i < 200; i++) pool.take(8192).bytes.fill(255)
    pages.forEach(({ bytes }, i) => {
      if (i % 2 === 0) expect(bytes.every((byte) => byte === i % 251)).toBe(true)
    })
  })

  it('gives slabs back once all of their pages are idle, and no sooner', () => {
    const pool = new PagePool()
    const pages = Array.from({ length: 256 }, () => pool.take(8192))
    pages.slice(1).forEach((page) => {
      pool.give(page)
    })
    pool.trim()
    expect(pool.idleBytes).toBeGreaterThan(0)
    expect(pool.idleBytes).toBeLessThan(2 ** 20)
    pool.give(pages[0])
    pool.trim()
    expect([pool.usedBytes, pool.idleBytes]).toEqual([0, 0])
    expect(pages[0].bytes.byteLength).toBe(0)
  })
})
