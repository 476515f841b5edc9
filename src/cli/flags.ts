// Readers of flag values: text in, a checked value out, or a usage error that names flag, rule and value.
//
// commander calls a reader with the text after the flag; `readers` are made per flag so that the message can
// name it: `--minutes: must be a positive number, got "abc"`.
import { UsageError } from './usage.ts'

type Reader<T> = (text: string) => T

/** A number above 0, like 5 or 0.5. */
export function positiveNumber(flag: string): Reader<number> {
  return (text) => check(flag, text, 'a positive number', (value) => value > 0)
}

/** A number of at least 0. */
export function nonNegativeNumber(flag: string): Reader<number> {
  return (text) => check(flag, text, 'a number of at least 0', (value) => value >= 0)
}

/** A number above 0 and at most 1. */
export function share(flag: string): Reader<number> {
  return (text) => check(flag, text, 'a number above 0 and at most 1', (value) => value > 0 && value <= 1)
}

/** A whole number from `from` to `to`. */
export function wholeNumber(flag: string, from = 1, to = Number.MAX_SAFE_INTEGER): Reader<number> {
  const range = to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`
  return (text) =>
    check(flag, text, `a whole number ${range}`, (value) => Number.isInteger(value) && value >= from && value <= to)
}

/** Whole numbers from `from` to `to` with commas between, like 4,4,4,4. */
export function wholeNumbers(flag: string, from: number, to: number): Reader<number[]> {
  const one = wholeNumber(flag, from, to)
  return (text) => text.split(',').map((part) => one(part))
}

/** Numbers of tokens with commas between, like 512,4k,32k (a k is 1,024), as `--context 32768` counts them. */
export function tokenCounts(flag: string): Reader<number[]> {
  return (text) =>
    text.split(',').map((part) => {
      const [, digits, suffix] = /^\s*(\d+)\s*(k|m)?\s*$/i.exec(part) ?? []
      const value = Number(digits) * { '': 1, k: 1024, m: 1024 ** 2 }[(suffix ?? '').toLowerCase() as '' | 'k' | 'm']
      if (!(value >= 1 && value <= 2 ** 22)) {
        throw new UsageError(`${flag}: must be numbers of tokens like 4096 or 32k, got ${JSON.stringify(part)}`)
      }
      return value
    })
}

/** Values with commas between, each read by `one`. */
export function list<T>(one: (text: string) => T): Reader<T[]> {
  return (text) => text.split(',').map((part) => one(part.trim()))
}

/** Words of a list with commas between. */
export function words<T extends string>(flag: string, allowed: readonly T[]): Reader<T[]> {
  return list(oneOf(flag, allowed))
}

/** A path of a folder: anything but nothing. */
export function folderPath(flag: string): Reader<string> {
  return (text) => {
    if (text.trim() === '') throw new UsageError(`${flag}: must be a folder, got ${JSON.stringify(text)}`)
    return text
  }
}

/** One of a list of words. */
export function oneOf<T extends string>(flag: string, words: readonly T[]): Reader<T> {
  return (text) => {
    if (!words.includes(text as T)) throw UsageError.unknownWord(flag, words, text)
    return text as T
  }
}

/** A name that is one folder: letters, digits, dot, dash, underscore. */
export function folderName(flag: string): Reader<string> {
  return (text) => {
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(text)) {
      throw new UsageError(`${flag}: must be made of letters, digits, ".", "-" and "_", got ${JSON.stringify(text)}`)
    }
    return text
  }
}

/** Gathers the values of a flag that may be given many times. */
export function repeated(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

function check(flag: string, text: string, rule: string, isValid: (value: number) => boolean): number {
  // Number('') is 0 and Number('0x1f') is 31: only plain decimal notation is a number here
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN
  if (!Number.isFinite(value) || !isValid(value)) {
    throw new UsageError(`${flag}: must be ${rule}, got ${JSON.stringify(text)}`)
  }
  return value
}
