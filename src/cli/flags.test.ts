import { describe, expect, it } from 'vitest'
import {
  folderName,
  folderPath,
  nonNegativeNumber,
  oneOf,
  positiveNumber,
  repeated,
  share,
  wholeNumber,
  wholeNumbers,
} from './flags.ts'
import { UsageError } from './usage.ts'

describe('flag values', () => {
  it.each([
    [positiveNumber('--minutes'), 'abc', '--minutes: must be a positive number, got "abc"'],
    [positiveNumber('--minutes'), '0', '--minutes: must be a positive number, got "0"'],
    [positiveNumber('--minutes'), '', '--minutes: must be a positive number, got ""'],
    [positiveNumber('--minutes'), '0x10', '--minutes: must be a positive number, got "0x10"'],
    [positiveNumber('--minutes'), 'Infinity', '--minutes: must be a positive number, got "Infinity"'],
    [positiveNumber('--minutes'), '1e999', '--minutes: must be a positive number, got "1e999"'],
    [nonNegativeNumber('--temperature'), '-1', '--temperature: must be a number of at least 0, got "-1"'],
    [share('--top-p'), '1.5', '--top-p: must be a number above 0 and at most 1, got "1.5"'],
    [wholeNumber('--steps'), '1.5', '--steps: must be a whole number of at least 1, got "1.5"'],
    [wholeNumber('--depth', 1, 64), '65', '--depth: must be a whole number from 1 to 64, got "65"'],
    [wholeNumbers('--levels', 3, 9), '4,,4', '--levels: must be a whole number from 3 to 9, got ""'],
    [wholeNumbers('--levels', 3, 9), '4,10', '--levels: must be a whole number from 3 to 9, got "10"'],
    [folderPath('--out'), ' ', '--out: must be a folder, got " "'],
    [folderName('--run'), '../x', '--run: must be made of letters, digits, ".", "-" and "_", got "../x"'],
    [folderName('--run'), '', '--run: must be made of letters, digits, ".", "-" and "_", got ""'],
    [oneOf('--dtype', ['bf16', 'f32']), 'fp32', '--dtype: must be one of bf16, f32, got "fp32"'],
  ])('are refused by rule and value (%#)', (read, text, message) => {
    const refused = (() => {
      try {
        return read(text)
      } catch (error) {
        return error
      }
    })()
    expect(refused).toBeInstanceOf(UsageError)
    expect((refused as UsageError).message).toBe(message)
  })

  it('are read as numbers in plain decimal notation', () => {
    expect(positiveNumber('--x')('0.5')).toBe(0.5)
    expect(positiveNumber('--x')('1e-3')).toBe(0.001)
    expect(wholeNumber('--x', 0)('0')).toBe(0)
    expect(share('--x')('1')).toBe(1)
  })

  it('come with the nearest word when one is near', () => {
    const hintOf = (text: string) => {
      try {
        return oneOf('--preset', ['micro', 'nano'])(text)
      } catch (error) {
        return (error as UsageError).hint
      }
    }
    expect(hintOf('nanno')).toBe('did you mean --preset nano?')
    expect(hintOf('enormous')).toBeUndefined()
  })

  it('are gathered when a flag may come again', () => {
    expect(repeated('b', repeated('a', undefined))).toEqual(['a', 'b'])
  })
})
