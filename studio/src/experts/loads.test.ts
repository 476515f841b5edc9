import { describe, expect, it } from 'vitest'
import { expertCounts, loadSince, maxViolation, relativeLoad } from './loads.ts'

describe('loads', () => {
  it('are relative to the even share, and zero where nothing was routed', () => {
    expect(relativeLoad([1, 1, 2, 0])).toEqual([1, 1, 2, 0])
    expect(relativeLoad([0, 0])).toEqual([0, 0])
  })

  it('of a while are what was added, or all where the counting began anew', () => {
    expect(loadSince([[1, 2]], [[4, 2]])).toEqual([[3, 0]])
    expect(loadSince([[5, 2]], [[4, 2]])).toEqual([[4, 2]])
    expect(loadSince([[5]], [[4, 2]])).toEqual([[4, 2]])
    expect(loadSince(undefined, [[4, 2]])).toEqual([[4, 2]])
  })

  it('violate balance by how far the fullest lies above the mean', () => {
    expect(
      maxViolation([
        [1, 1],
        [3, 1],
        [0, 0],
      ]),
    ).toEqual([0, 0.5, 0])
  })

  it('are counted by rank, or over all choices of a token', () => {
    const chosen = [0, 1, 2, 1, 2, 0]
    expect(expertCounts(chosen, 2, 0, 0)).toEqual([
      { expert: 2, count: 2 },
      { expert: 0, count: 1 },
    ])
    expect(expertCounts(chosen, 2, 1, 'any')[0]).toEqual({ expert: 2, count: 2 })
  })
})
