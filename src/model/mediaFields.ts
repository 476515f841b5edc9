// Reading the fields of a media part of a config (vision_config, audio_config): each within bounds, errors by full name.
import { boolean, ConfigError, type Given, number } from './configFields.ts'

/** Readers of one part; every one takes a default for what is left out. */
export interface PartFields {
  /** A whole number from 1 to `most`. */
  size: (field: string, fallback: number, most: number) => number
  number: (field: string, fallback: number) => number
  /** A number above 0. */
  positive: (field: string, fallback: number) => number
  boolean: (field: string, fallback: boolean) => boolean
  /** What is computed for one value only; null counts as left out. */
  only: (field: string, value: unknown) => void
  /** @throws ConfigError naming the field of this part */
  refuse: (field: string, requirement: string) => never
}

/** Readers of `given`, the object of config field `part`. */
export function partFields(part: string, given: Given): PartFields {
  const refuse = (field: string, requirement: string): never => {
    throw new ConfigError(`${part}.${field}`, requirement, given[field])
  }
  const named = (field: string): Given => ({ [`${part}.${field}`]: given[field] })
  const anyNumber = (field: string, fallback: number): number => number(named(field), `${part}.${field}`, fallback)
  return {
    refuse,
    size: (field, fallback, most) => {
      const value = given[field] ?? fallback
      const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most
      return fits ? value : refuse(field, `a whole number from 1 to ${most}`)
    },
    number: anyNumber,
    positive: (field, fallback) => {
      const value = anyNumber(field, fallback)
      return value > 0 ? value : refuse(field, 'above 0')
    },
    boolean: (field, fallback) => boolean(named(field), `${part}.${field}`, fallback),
    only: (field, value) => {
      const found = given[field] ?? value
      if (found !== value) refuse(field, `${JSON.stringify(value)} (nothing else is computed)`)
    },
  }
}
