// Requests and tokens a minute for each key: buckets that fill evenly and are drawn from.
//
// A request is taken before it starts, tokens once they are counted; a bucket of tokens may thus fall below nothing, and
// the key waits until it is above again.
import { ServeError } from './serveError.ts'

export interface RateLimitOptions {
  /** Default: no limit. */
  requestsPerMinute?: number
  tokensPerMinute?: number
  /** Milliseconds; for tests. Default a clock that never goes back. */
  now?: () => number
}

export class RateLimits {
  readonly #requests: Buckets
  readonly #tokens: Buckets

  constructor({ requestsPerMinute, tokensPerMinute, now = () => performance.now() }: RateLimitOptions = {}) {
    this.#requests = new Buckets(requestsPerMinute ?? Infinity, now)
    this.#tokens = new Buckets(tokensPerMinute ?? Infinity, now)
  }

  /** Counts a request. @throws ServeError exhausted, with the seconds to wait */
  take(key: string): void {
    const waitTokens = this.#tokens.secondsUntil(key, 1)
    if (waitTokens > 0) throw exhausted(`${this.#tokens.size} tokens a minute`, waitTokens)
    const wait = this.#requests.secondsUntil(key, 1)
    if (wait > 0) throw exhausted(`${this.#requests.size} requests a minute`, wait)
    this.#requests.draw(key, 1)
  }

  /** Headers that tell an OpenAI client what is left; none without limits. */
  headers(key: string): Record<string, string> {
    const of = (name: string, bucket: Buckets): Record<string, string> =>
      bucket.size === Infinity
        ? {}
        : {
            [`x-ratelimit-limit-${name}`]: String(bucket.size),
            [`x-ratelimit-remaining-${name}`]: String(Math.max(0, Math.floor(bucket.level(key)))),
            [`x-ratelimit-reset-${name}`]: `${Math.ceil(bucket.secondsUntil(key, bucket.size))}s`,
          }
    return { ...of('requests', this.#requests), ...of('tokens', this.#tokens) }
  }

  /** Counts tokens read and written. */
  spend(key: string, tokens: number): void {
    this.#tokens.draw(key, tokens)
  }
}

function exhausted(limit: string, seconds: number): ServeError {
  const retrySeconds = Math.max(1, Math.ceil(seconds))
  return new ServeError('exhausted', `The key's limit of ${limit} is reached. Try again in ${retrySeconds} s.`, {
    retrySeconds,
  })
}

class Buckets {
  readonly size: number
  readonly #now: () => number
  readonly #levels = new Map<string, { level: number; at: number }>()

  constructor(size: number, now: () => number) {
    this.size = size
    this.#now = now
  }

  level(key: string): number {
    const bucket = this.#levels.get(key)
    if (!bucket) return this.size
    return Math.min(this.size, bucket.level + ((this.#now() - bucket.at) / 60_000) * this.size)
  }

  secondsUntil(key: string, amount: number): number {
    if (this.size === Infinity) return 0
    return ((Math.min(amount, this.size) - this.level(key)) / this.size) * 60
  }

  draw(key: string, amount: number): void {
    if (this.size === Infinity) return
    this.#levels.set(key, { level: this.level(key) - amount, at: this.#now() })
  }
}
