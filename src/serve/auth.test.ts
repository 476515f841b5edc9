import { describe, expect, it } from 'vitest'
import { ApiKeys } from './auth.ts'

const check = (keys: ApiKeys, headers: Record<string, string>, query = ''): string =>
  keys.check({ headers }, new URLSearchParams(query))

describe('ApiKeys', () => {
  it('asks for none when there are none', () => {
    const keys = new ApiKeys()
    expect([keys.isOpen, check(keys, {}), check(keys, { 'x-goog-api-key': 'any' })]).toEqual([true, '', ''])
  })

  it('finds the name of a key wherever a client puts it', () => {
    const keys = new ApiKeys(['alice=one', 'two', 'carol=a=b'])
    expect(check(keys, { 'x-goog-api-key': 'one' })).toBe('alice')
    expect(check(keys, { authorization: 'Bearer two' })).toBe('key2')
    expect(check(keys, { authorization: 'bearer   one  ' })).toBe('alice')
    expect(check(keys, {}, 'key=a%3Db')).toBe('carol')
  })

  it.each([
    ['nothing', {}, ''],
    ['an empty header', { 'x-goog-api-key': '' }, ''],
    ['an empty address', {}, 'key='],
    ['another scheme', { authorization: 'Basic one' }, ''],
  ])('says that %s is no key', (_, headers, query) => {
    const keys = new ApiKeys(['one'])
    expect(() => check(keys, headers as Record<string, string>, query)).toThrow(
      expect.objectContaining({ kind: 'keyMissing' }),
    )
  })

  it.each(['On', 'one ', 'onee', 'alice', 'alice=one', 'ONE', '\0one'])('refuses %j', (secret) => {
    const keys = new ApiKeys(['alice=one'])
    const refused = expect.objectContaining({ kind: 'keyInvalid' })
    expect(() => check(keys, { 'x-goog-api-key': secret })).toThrow(refused)
    // the header that is there counts, even when the address has the right one
    expect(() => check(keys, { 'x-goog-api-key': secret }, 'key=one')).toThrow(refused)
  })

  it('holds no secret that could be printed', () => {
    const keys = new ApiKeys(['alice=hunter2'])
    expect(JSON.stringify(keys) + String(keys)).not.toContain('hunter2')
  })

  it('refuses keys that are empty, and names given twice', () => {
    expect(() => new ApiKeys([''])).toThrow('must be a secret or name=secret')
    expect(() => new ApiKeys(['alice='])).toThrow('must be a secret or name=secret')
    expect(() => new ApiKeys(['a=1', 'a=2'])).toThrow('names must differ')
    expect(() => new ApiKeys(['key2=1', 'two'])).toThrow('names must differ')
  })
})
