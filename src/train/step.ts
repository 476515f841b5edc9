// One step of training: forward and backward over its micro-batches, then clip, check, update.
//
// Everything but the weights, their gradients and the optimiser's state lives in a memory scope that ends
// with each micro-batch, so a step leaves nothing behind. A step is a mean over all its target tokens: each
// micro-batch counts by its share of them.
import type { Model } from '../model/index.ts'
import { clipFactor, globalNorm, type Optimizer, type RouterTraining } from '../nn/index.ts'
import { routeSampling, scale } from '../ops/index.ts'
import { memoryScope, Tape } from '../tensor/index.ts'
import { RoutingMeter, type RoutingMetrics } from './metrics.ts'
import type { SkipStep } from './skipStep.ts'
import type { Batch, TrainingOptions } from './types.ts'

/** What a step works on. */
export interface StepContext {
  model: Model
  optimizer: Optimizer
  skipStep: SkipStep
  options: TrainingOptions
}

export interface StepResult extends RoutingMetrics {
  /** Mean over the targets of the step, nats. */
  loss: number
  /** Targets of the step, and the bytes of text they stand for. */
  targets: number
  numBytes: number
  gradNorm: number
  skipped: boolean
}

/** Learning rates of a step, and where in the run it stands (0 to 1), which routers follow. Default 1: at the end. */
export interface StepRates {
  learningRate: number
  matrixLearningRate: number
  progress?: number
}

/** Runs one step. `batches` are its micro-batches. */
export function trainStep(context: StepContext, batches: Batch[], { progress = 1, ...rates }: StepRates): StepResult {
  const { model, optimizer, skipStep, options } = context
  const targets = batches.map(countTargets)
  const total = Math.max(
    1,
    targets.reduce((sum, count) => sum + count, 0),
  )
  const meter = new RoutingMeter()
  model.zeroGrad()
  let loss = 0
  batches.forEach((batch, i) => {
    const share = targets[i] / total
    const training = { progress, seed: stepSeed(options.seed, optimizer.step, i) }
    if (share > 0) loss += share * forwardBackward(context, batch, { share, training }, meter)
  })
  const gradNorm = globalNorm(optimizer.weights)
  const skipped = skipStep.isSpike(loss, gradNorm)
  if (!skipped) optimizer.update({ ...rates, gradScale: clipFactor(gradNorm, options.clip) })
  for (const router of model.routers) router.endStep(skipped ? null : progress)
  const numBytes = batches.reduce((sum, batch) => sum + batch.numBytes, 0)
  return { loss, targets: total, numBytes, gradNorm, skipped, ...meter.result() }
}

/** Adds the gradients of a micro-batch, weighted with its share of the step; returns its own mean loss. */
function forwardBackward(
  { model, options }: StepContext,
  batch: Batch,
  { share, training }: { share: number; training: RouterTraining },
  meter: RoutingMeter,
): number {
  using _scope = memoryScope()
  using _sampling = options.routingRecord ? routeSampling() : null
  using tape = new Tape()
  const input = { ...batch, batch: options.batch, time: options.time }
  const { loss, routings } = model.loss(input, batch.targets, {
    compute: options.compute,
    residual: options.residual,
    activationCheckpointing: options.activationCheckpointing,
    lossWeight: share,
    training,
  })
  tape.backward(share === 1 ? loss : scale(loss, share))
  meter.add(routings)
  model.routers.forEach((router, layer) => router.observe(routings[layer]))
  return loss.item()
}

/** Randomness of a micro-batch's routers: a function of where it stands, so that a resumed run draws the same. */
function stepSeed(seed: number, step: number, microBatch: number): number {
  return (Math.imul(seed + 1, 0x9e3779b9) ^ Math.imul(step + 1, 0x85ebca6b) ^ Math.imul(microBatch, 0xc2b2ae35)) >>> 0
}

function countTargets({ targets }: Batch): number {
  let count = 0
  for (const target of targets) if (target >= 0) count++
  return count
}
