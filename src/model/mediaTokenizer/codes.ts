// Codes as mixed-radix numbers of the digits that FSQ gives: with levels [L0, L1, L2, ...] a code is
//
//   d0 + d1 L0 + d2 L0 L1 + ...        0 <= code < L0 L1 L2 ...
//
// Digits that differ by one lie near in meaning, codes need not. (Mentzer et al. 2023, section 3.)
import { PolluxError } from '../../util/index.ts'
import { codeCount } from './config.ts'

/**
 * @param digits [N * levels.length], each below its level
 * @returns [N]
 */
export function digitsToCodes(digits: Int32Array, levels: readonly number[]): Int32Array {
  const codes = new Int32Array(digits.length / levels.length)
  for (let i = 0; i < codes.length; i++) {
    let radix = 1
    levels.forEach((L, c) => {
      codes[i] += digits[i * levels.length + c] * radix
      radix *= L
    })
  }
  return codes
}

/**
 * @param codes [N]
 * @returns [N * levels.length]
 * @throws PolluxError for a code outside 0 .. product of levels - 1
 */
export function codesToDigits(codes: Int32Array, levels: readonly number[]): Int32Array {
  const count = codeCount(levels)
  const digits = new Int32Array(codes.length * levels.length)
  codes.forEach((code, i) => {
    if (code < 0 || code >= count)
      throw new PolluxError(`decode: codes must be from 0 to ${count - 1}, got ${code} at ${i}`)
    let rest = code
    levels.forEach((L, c) => {
      digits[i * levels.length + c] = rest % L
      rest = Math.floor(rest / L)
    })
  })
  return digits
}
