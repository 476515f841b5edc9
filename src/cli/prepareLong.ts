// What sets a stage of `pollux lengthen` apart from ordinary training: the model it goes on from, read with a longer
// context; batches that mix text with needle documents; and options that keep a long sequence in memory.
import { LongLoader, NeedleWriter, type PreparedData, streamFiller } from '../data/index.ts'
import { lengthenedConfig, loadModel, type Model, type ModelConfig } from '../model/index.ts'
import type { Tokenizer } from '../tokenizer/index.ts'
import type { TrainingOptions } from '../train/index.ts'
import type { LengthenRequest, RunRequest } from './runFolder.ts'

/** Tokens of a step up to which all activations are kept. */
const mostKept = 8192
/** Tokens that a validation reads. */
const validationTokens = 32_768

/** The model of the run before, and its config with the longer context. */
export function lengthened(
  { context }: RunRequest,
  { checkpoint, ropeFactor, ropeTheta }: LengthenRequest,
): { initial: Model; config: ModelConfig } {
  const initial = loadModel(checkpoint)
  const config = lengthenedConfig(initial.config, { context, factor: ropeFactor, theta: ropeTheta })
  return { initial, config }
}

/** Batches of text, needle documents and texts read twice, made of the training side of the corpus. */
export function longLoader(
  { loader, train }: PreparedData,
  tokenizer: Tokenizer,
  { batch, context, seed }: RunRequest,
  { shares }: LengthenRequest,
): LongLoader {
  const { bosId, bytesOfToken } = train
  const sources = { writer: new NeedleWriter(tokenizer), filler: streamFiller(train), bosId }
  const separator = Int32Array.from(tokenizer.encode('\n\n'))
  return new LongLoader(loader, sources, { batch, time: context, seed, shares, bytesOfToken, separator })
}

/** A stage is short: it warms up longer, as its optimiser knows nothing yet, and validates on as many tokens as ever. */
export function longOptions({ batch, context }: RunRequest): Partial<TrainingOptions> {
  const tokens = batch * context
  return {
    activationCheckpointing: tokens > mostKept,
    warmup: 0.1,
    evalBatches: Math.max(1, Math.round(validationTokens / tokens)),
  }
}
