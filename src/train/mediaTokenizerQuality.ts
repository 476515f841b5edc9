// How good a media tokenizer is: what it loses, and how it uses its codes.
//
//   PSNR        10 log10(peak^2 / MSE) in dB, peak = largest - smallest value of the patches; no number if all are equal
//   perplexity  2^H of the codes of one token: the number of codes that would be as hard to guess, used evenly
import type { FsqTokenizer } from '../model/index.ts'

export interface TokenizerQuality {
  /** Mean squared error, in the units of the patches. */
  mse: number
  /** dB; NaN where all values are equal. */
  psnr: number
  /** The same of the patches that their first token alone gives. */
  firstTokenPsnr: number
  /** Of the codes of each token of a patch. */
  usage: CodeUsage[]
  /** Bits of a patch on paper: tokens * log2(codes). */
  bitsPerPatch: number
  /** Entropy of the codes of a patch taken together, bits; at most log2 of the number of patches measured. */
  entropyPerPatch: number
}

/** How one token of a patch uses its codes. */
export interface CodeUsage {
  /** Codes that occur. */
  used: number
  /** Codes there are. */
  codes: number
  perplexity: number
}

/** Measures on patches [N, P], N > 0. */
export function measureTokenizer(tokenizer: FsqTokenizer, patches: Float32Array): TokenizerQuality {
  const codes = tokenizer.encode(patches)
  const n = tokenizer.tokensPerPatch
  const mse = meanSquaredError(patches, tokenizer.decode(codes))
  const firstMse = meanSquaredError(patches, tokenizer.decode(codes, 1))
  const peak = rangeOf(patches)
  const psnr = (error: number) => (peak > 0 ? 10 * Math.log10(peak ** 2 / Math.max(error, 1e-12)) : Number.NaN)
  const usage = Array.from({ length: n }, (_, token) =>
    codeUsage(
      codes.filter((_code, i) => i % n === token),
      tokenizer.codeCount,
    ),
  )
  return {
    mse,
    psnr: psnr(mse),
    firstTokenPsnr: psnr(firstMse),
    usage,
    bitsPerPatch: n * Math.log2(tokenizer.codeCount),
    entropyPerPatch: entropy(
      times(Array.from({ length: codes.length / n }, (_, i) => codes.slice(i * n, i * n + n).join())),
    ),
  }
}

/** Usage of `count` codes in a list of codes. */
export function codeUsage(codes: Int32Array, count: number): CodeUsage {
  const seen = times(codes)
  return { used: seen.length, codes: count, perplexity: 2 ** entropy(seen) }
}

/** How often each of the different values occurs. */
function times(values: Iterable<number | string>): number[] {
  const seen = new Map<number | string, number>()
  for (const value of values) seen.set(value, (seen.get(value) ?? 0) + 1)
  return [...seen.values()]
}

/** Entropy of counts, bits. */
function entropy(counts: number[]): number {
  const total = counts.reduce((sum, t) => sum + t, 0)
  return counts.reduce((sum, t) => sum - (t / total) * Math.log2(t / total), 0)
}

function meanSquaredError(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length
}

function rangeOf(values: Float32Array): number {
  let [low, high] = [Infinity, -Infinity]
  for (const x of values) {
    low = Math.min(low, x)
    high = Math.max(high, x)
  }
  return high - low
}
