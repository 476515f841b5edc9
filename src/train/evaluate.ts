// Validation: bits per byte of held-out text, which models with different tokenizers can be compared by.
import type { Model } from '../model/index.ts'
import { memoryScope } from '../tensor/index.ts'
import { bitsPerByte } from './metrics.ts'
import type { BatchSource, TrainingOptions } from './types.ts'

export interface EvalResult {
  bitsPerByte: number
  /** Mean over the targets, nats. */
  loss: number
  targets: number
  numBytes: number
}

type EvalOptions = Pick<TrainingOptions, 'batch' | 'time' | 'compute' | 'residual'> &
  Partial<Pick<TrainingOptions, 'activationCheckpointing'>>

/** Loss over `batches` batches of the source, forward only; the event loop runs between batches. */
export async function evaluate(
  model: Model,
  source: BatchSource,
  { batches, ...options }: { batches: number } & EvalOptions,
): Promise<EvalResult> {
  const { compute, residual, activationCheckpointing } = options
  let [nats, targets, numBytes] = [0, 0, 0]
  for (let i = 0; i < batches; i++) {
    const batch = await source.next()
    using _scope = memoryScope()
    const input = { ...batch, batch: options.batch, time: options.time }
    const { rowLoss } = model.loss(input, batch.targets, { compute, residual, activationCheckpointing })
    batch.targets.forEach((target, row) => {
      if (target < 0) return
      nats += rowLoss[row]
      targets++
    })
    numBytes += batch.numBytes
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { bitsPerByte: bitsPerByte(nats, numBytes), loss: nats / Math.max(1, targets), targets, numBytes }
}
