// From a split corpus and a tokenizer to the batches of a run.
import { Loader } from './loader.ts'
import type { LoaderOptions } from './loader.ts'
import type { Split } from './split.ts'
import { tokenStream } from './tokenStream.ts'
import type { TokenStream } from './tokenStream.ts'
import type { TextTokenizer } from './textTokenizer.ts'

export interface PreparedData {
  loader: Loader
  /** A fresh loader over the held-out text, with the same batches every time; undefined when none is held out. */
  validation?: () => Loader
  train: TokenStream
  heldOut: TokenStream
}

/**
 * Encodes both sides of a split and makes their loaders.
 *
 * @param options batch, time and seed of the loaders; onProgress as in tokenStream
 */
export async function prepareData(
  split: Split,
  tokenizer: TextTokenizer,
  { onProgress, ...options }: Omit<LoaderOptions, 'fixed'> & { onProgress?: (done: number) => void },
): Promise<PreparedData> {
  const train = await tokenStream(split.train, tokenizer, onProgress)
  const heldOut = await tokenStream(split.validation, tokenizer)
  const loader = new Loader(train, options)
  if (heldOut.tokens.length < 2) return { loader, train, heldOut }
  const validation = (): Loader => new Loader(heldOut, { ...options, seed: 0, fixed: true })
  return { loader, validation, train, heldOut }
}
