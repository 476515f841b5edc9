import { describe, expect, it } from 'vitest'
import { didYouMean, editDistance } from './didYouMean.ts'
import { PolluxError } from './errors.ts'

describe('didYouMean', () => {
  it.each([
    ['nanno', 'nano'],
    ['naon', 'nano'],
    ['MICRO', 'micro'],
    ['mirco', 'micro'],
  ])('takes %s for %s', (got, expected) => {
    expect(didYouMean(got, ['micro', 'nano'])).toBe(expected)
  })

  it('says nothing when no word is near', () => {
    expect(didYouMean('gigantic', ['micro', 'nano'])).toBeUndefined()
    expect(didYouMean('', ['micro', 'nano'])).toBeUndefined()
    expect(didYouMean('nano', [])).toBeUndefined()
  })

  it('counts insertions, deletions, replacements and swaps as one edit', () => {
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('abc', 'acb')).toBe(1)
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('same', 'same')).toBe(0)
  })
})

describe('PolluxError', () => {
  it('carries its hint and its cause', () => {
    const cause = new Error('disk')
    const error = new PolluxError('save: must fit, got a full disk', { hint: 'make room', cause })
    expect(error).toBeInstanceOf(Error)
    expect([error.message, error.hint, error.cause]).toEqual(['save: must fit, got a full disk', 'make room', cause])
    expect(new PolluxError('x').hint).toBeUndefined()
  })
})
