import { describe, expect, it } from 'vitest'
import { RateLimits } from './rateLimits.ts'
import type { ServeError } from './serveError.ts'

/** Seconds to wait that a request is refused with; 0 when it is taken. */
function wait(rates: RateLimits, key = 'a'): number {
  try {
    rates.take(key)
    return 0
  } catch (error) {
    expect((error as ServeError).kind).toBe('exhausted')
    return (error as ServeError).retrySeconds!
  }
}

describe('RateLimits', () => {
  it('limits nothing unless told to', () => {
    const rates = new RateLimits({ now: () => 0 })
    for (let i = 0; i < 1000; i++) expect(wait(rates)).toBe(0)
    rates.spend('a', 1e12)
    expect([wait(rates), rates.headers('a')]).toEqual([0, {}])
  })

  it('takes a minute of requests at once, then one whenever another minute-th is over', () => {
    let now = 0
    const rates = new RateLimits({ requestsPerMinute: 30, now: () => now })
    for (let i = 0; i < 30; i++) expect(wait(rates)).toBe(0)
    expect(wait(rates)).toBe(2)
    now += 1999
    expect(wait(rates)).toBe(1)
    now += 1
    expect([wait(rates), wait(rates)]).toEqual([0, 2])
  })

  it('never takes more than its rate and what it had saved, whatever the times', () => {
    let now = 0
    const rates = new RateLimits({ requestsPerMinute: 60, now: () => now })
    let taken = 0
    for (let i = 0; i < 5000; i++) {
      now += (i * 7919) % 400
      if (wait(rates) === 0) taken++
      expect(taken).toBeLessThanOrEqual(60 + now / 1000 + 1e-6)
    }
    expect(taken).toBeGreaterThanOrEqual(now / 1000 - 1)
  })

  it('saves no more than a minute, and tells keys apart', () => {
    let now = 0
    const rates = new RateLimits({ requestsPerMinute: 2, now: () => now })
    expect([wait(rates), wait(rates), wait(rates, 'b')]).toEqual([0, 0, 0])
    expect(wait(rates)).toBe(30)
    now += 3600_000
    expect([wait(rates), wait(rates), wait(rates) > 0]).toEqual([0, 0, true])
  })

  it('lets tokens be owed, and waits until they are there again', () => {
    let now = 0
    const rates = new RateLimits({ tokensPerMinute: 600, now: () => now })
    expect(wait(rates)).toBe(0)
    // ten a second: 1200 spent are 600 owed, and one must be there
    rates.spend('a', 1200)
    expect(wait(rates)).toBe(61)
    now += 60_000
    expect(wait(rates)).toBe(1)
    now += 100
    expect(wait(rates)).toBe(0)
    expect(wait(rates, 'b')).toBe(0)
  })

  it('does not count a request that it refuses', () => {
    let now = 0
    const rates = new RateLimits({ requestsPerMinute: 1, tokensPerMinute: 60, now: () => now })
    rates.spend('a', 60)
    for (let i = 0; i < 10; i++) expect(wait(rates)).toBe(1)
    now += 1000
    expect(wait(rates)).toBe(0)
  })

  it('says what is left in headers, whole numbers that are not below nothing', () => {
    let now = 0
    const rates = new RateLimits({ requestsPerMinute: 60, tokensPerMinute: 600, now: () => now })
    rates.take('a')
    rates.spend('a', 900)
    expect(rates.headers('a')).toEqual({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-limit-tokens': '600',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '90s',
    })
    now += 90_000
    expect(rates.headers('a')['x-ratelimit-remaining-tokens']).toBe('600')
  })
})
