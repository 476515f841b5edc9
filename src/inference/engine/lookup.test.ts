import { expect, test } from 'vitest'
import { PromptLookup } from './lookup.ts'

const ids = (...values: number[]): Int32Array => Int32Array.from(values)

test('guesses what followed the last time that the latest tokens stood in the text', () => {
  const lookup = new PromptLookup(9)
  expect([...lookup.draft(ids(1, 2, 3, 4, 5, 9, 1, 2, 3), 8)]).toEqual([4, 5, 9, 1])
  expect([...lookup.draft(ids(1, 2, 3, 4, 5, 9, 1, 2, 3, 4), 2)]).toEqual([5, 9])
  expect([...lookup.draft(ids(1, 2, 3, 4, 5, 9, 1, 2, 3, 4, 7), 8)]).toEqual([])
  expect([...new PromptLookup(2).draft(ids(1, 2), 8)]).toEqual([])
})

test('guesses more while it is right, and pauses ever longer while it is wrong', () => {
  const text = Int32Array.from({ length: 60 }, (_, i) => i % 20)
  const lookup = new PromptLookup(60)
  expect(lookup.draft(text, 99)).toHaveLength(4)
  lookup.learn(4, 4)
  expect(lookup.draft(text, 99)).toHaveLength(8)
  const pauses: number[] = []
  for (let round = 0; round < 3; round++) {
    lookup.learn(2, 0)
    let pause = 0
    while (lookup.draft(text, 99).length === 0) pause++
    pauses.push(pause)
  }
  expect(pauses).toEqual([2, 4, 8])
  lookup.learn(2, 1)
  expect(lookup.draft(text, 99)).toHaveLength(2)
})
