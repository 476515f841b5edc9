// Training of a media tokenizer: an autoencoder through FSQ, on batches of patches, until a number of steps or seconds.
//
// The loss is the squared error of standardised patches. Flat patches are held down (mediaTokenizerBatch.ts). For a share
// of the patches the decoder sees only the first tokens (nested dropout, Rippel et al. 2014), so that these carry most.
import { type FsqRequest, FsqTokenizer } from '../model/index.ts'
import { clipFactor, globalNorm, learningRateFactor, Optimizer } from '../nn/index.ts'
import { squaredError } from '../ops/index.ts'
import { fromArray, memoryScope, Tape } from '../tensor/index.ts'
import { PolluxError, Rng } from '../util/index.ts'
import { balancedBatch, flatnessTest } from './mediaTokenizerBatch.ts'
import { measureTokenizer, type TokenizerQuality } from './mediaTokenizerQuality.ts'

/** What to train, on what, for how long. */
export interface MediaTokenizerRequest {
  tokenizer: FsqRequest
  /** The next patches, [count, P]; called as often as there are steps and a few times more. */
  nextPatches: (count: number) => Float32Array
  /** Patches that training never sees, [N, P], N > 0. */
  heldOut: Float32Array
  horizon: { steps: number } | { seconds: number }
  /** Patches a step. Default 256: on a CPU more steps are worth more than larger ones. */
  batch?: number
  /** Peak learning rate of AdamW. Default 0.003. */
  learningRate?: number
  /** Largest share of flat patches in a batch. Default 0.3. */
  flatShare?: number
  /** Share of patches of which only the first tokens are seen, for each number of tokens below all. Default 0. */
  nestedShare?: number
  /** Arithmetic of products. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** Of weights and drops. Default 0. */
  seed?: number
  /** Stops after the step under way. */
  signal?: AbortSignal
  onStep?: (metrics: TokenizerStep) => void
}

/** What every step reports. */
export interface TokenizerStep {
  /** Steps done, from 1. */
  step: number
  /** Mean squared error of the batch, standardised units. */
  loss: number
  secondsElapsed: number
  /** 0 to 1. */
  fractionDone: number
}

/** What training leaves. */
export interface MediaTokenizerSummary extends TokenizerQuality {
  tokenizer: FsqTokenizer
  steps: number
  /** Patches trained on. */
  patches: number
  seconds: number
  parameters: number
  stopped: boolean
}

/** Patches that mean, deviation and flatness are measured on. */
const measured = 4096
const weightDecay = 0.01
const clip = 1
const schedule = { warmup: 0.03, decay: 0.5, final: 0.02 }

/**
 * Trains a tokenizer. Equal requests with `steps` give equal weights; between steps other work of the process gets its turn.
 *
 * @throws PolluxError when the patches do not fit the config or are not finite numbers
 */
export async function trainMediaTokenizer(request: MediaTokenizerRequest): Promise<MediaTokenizerSummary> {
  const { horizon, batch = 256, learningRate = 0.003, flatShare = 0.3, nestedShare = 0, compute = 'bf16' } = request
  const { seed = 0, signal, onStep } = request
  const rng = new Rng(seed)
  const tokenizer = new FsqTokenizer(request.tokenizer).initialise(rng)
  const { inputDim, tokensPerPatch } = tokenizer.config
  const nextPatches = checkedSource(request.nextPatches, inputDim)
  const sample = nextPatches(measured)
  tokenizer.measure(sample)
  const isFlat = flatnessTest(tokenizer.config, sample)
  const optimizer = new Optimizer(tokenizer.weights, { kind: 'adamw', weightDecay })
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  const fraction = (step: number) => ('steps' in horizon ? step / horizon.steps : elapsed() / horizon.seconds)
  let step = 0
  while (fraction(step) < 1 && !signal?.aborted) {
    const patches = balancedBatch({ batch, width: inputDim, flatShare, isFlat, nextPatches })
    const kept = nestedShare > 0 && tokensPerPatch > 1 ? drawKept(batch, tokensPerPatch, nestedShare, rng) : undefined
    const rate = learningRate * learningRateFactor(fraction(step), schedule)
    const loss = trainStep({ tokenizer, optimizer, patches: tokenizer.standardise(patches), kept, compute, rate })
    step++
    onStep?.({ step, loss, secondsElapsed: elapsed(), fractionDone: Math.min(1, fraction(step)) })
    await new Promise(setImmediate)
  }
  const seconds = elapsed()
  const parameters = tokenizer.weights.reduce((sum, { parameter }) => sum + parameter.size, 0)
  for (const { parameter } of tokenizer.weights) parameter.grad?.release()
  const quality = measureTokenizer(tokenizer, request.heldOut)
  const stopped = signal?.aborted === true
  return { tokenizer, steps: step, patches: step * batch, seconds, parameters, stopped, ...quality }
}

interface Step {
  tokenizer: FsqTokenizer
  optimizer: Optimizer
  /** Standardised. */
  patches: Float32Array
  kept?: Int32Array
  compute: 'bf16' | 'f32'
  rate: number
}

function trainStep({ tokenizer, optimizer, patches, kept, compute, rate }: Step): number {
  using _scope = memoryScope()
  using tape = new Tape()
  const { inputDim } = tokenizer.config
  for (const { parameter } of optimizer.weights) parameter.zeroGrad()
  const { output_RP } = tokenizer.forward(fromArray(patches, [patches.length / inputDim, inputDim]), compute, kept)
  const loss = squaredError(output_RP, patches)
  tape.backward(loss)
  const gradScale = clipFactor(globalNorm(optimizer.weights), clip)
  optimizer.update({ learningRate: rate, matrixLearningRate: rate, gradScale })
  return loss.item()
}

/** Tokens that the decoder sees of each patch: each number below n for `share` of them, n for the rest. */
function drawKept(rows: number, n: number, share: number, rng: Rng): Int32Array {
  return Int32Array.from({ length: rows }, () => {
    const token = Math.floor(rng.uniform() / share) + 1
    return Math.min(token, n)
  })
}

/** The source, whose every answer is checked: one NaN would spoil all weights. */
function checkedSource(nextPatches: (count: number) => Float32Array, width: number): (count: number) => Float32Array {
  return (count) => {
    const patches = nextPatches(count)
    if (patches.length !== count * width)
      throw new PolluxError(
        `media tokenizer: nextPatches(${count}) must give ${count} x ${width} values, got ${patches.length}`,
      )
    const bad = patches.findIndex((x) => !Number.isFinite(x))
    if (bad >= 0) throw new PolluxError(`media tokenizer: patches must be finite numbers, got ${patches[bad]}`)
    return patches
  }
}
