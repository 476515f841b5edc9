// Who takes part in a comparison, what has to be trained, and about how long that takes.
//
// The estimate needs no text and no model: FLOPs over a share of this machine's measured peak, validations included. What
// a search of learning rates adds at the edges of its grid is not in it.
import {
  accountFor,
  denseOfSize,
  denseTwin,
  flopsPerToken,
  type ModelConfig,
  parseConfig,
  withRouting,
} from '../model/index.ts'
import { type Variant, variantsOf } from '../train/index.ts'
import type { Comparison, CompareRequest } from './compareRequest.ts'
import { hasTrunk, sharedWarmup, stepsInCommon } from './compareTrunk.ts'
import { count, duration, percent, short } from './format.ts'
import type { Terminal } from './terminal.ts'

/** A model that is trained in full. */
export interface Contestant {
  name: 'moe' | 'dense' | 'total'
  label: string
  config: ModelConfig
}

/** An ablation and its config. */
export interface AblatedModel extends Variant {
  config: ModelConfig
}

/** A stage of the work: so many trainings of so many steps. */
export interface PlannedStage {
  stage: string
  model: string
  trainings: number
  steps: number
  config: ModelConfig
}

/** Steps of a measurement of paces, each model: those of comparePace.ts. */
const paceSteps = 15
/** Model FLOP/s over the peak that a step is assumed to reach (nano was measured at 0.50 on a quiet machine). */
const assumedUse = 0.5

/** The models that are trained in full, the sparse one first. */
export function contestantsOf({ request }: Pick<Comparison, 'request'>, config: ModelConfig): Contestant[] {
  const total: Contestant[] = request.total
    ? [{ name: 'total', label: 'dense, equal size', config: denseOfSize(config) }]
    : []
  return [
    { name: 'moe', label: 'sparse', config },
    { name: 'dense', label: 'dense, equal FLOPs', config: denseTwin(config, request.context) },
    ...total,
  ]
}

/** The models of all ablations that were asked for. */
export function ablatedModels({ ablate }: CompareRequest, config: ModelConfig): AblatedModel[] {
  return ablate
    .flatMap((ablation) => variantsOf(ablation, config))
    .map((variant) => ({ ...variant, config: withRouting(config, variant.routing) }))
}

/** The sparse model without its experts: what an upcycled one begins as. */
export function withoutExperts(config: ModelConfig): ModelConfig {
  return withRouting(config, 'experts=0')
}

/** The config fitted to a tokenizer. */
export function fitConfig(
  config: ModelConfig,
  tokenizer: { vocabSize: number; bosId: number | null; eosId: number | null; padId: number | null },
): ModelConfig {
  const { vocabSize, bosId, eosId, padId } = tokenizer
  return parseConfig({
    ...config,
    ...{ vocab_size: vocabSize, bos_token_id: bosId, eos_token_id: eosId, pad_token_id: padId },
  })
}

/** A shorter training of the sparse model. */
export interface ShorterLength {
  steps: number
  /** Left out: that of all trainings. */
  warmup?: number
  /** Steps that it has in common with the longest training, and that are trained once. */
  shared: number
}

/** The shorter trainings, and the steps after which the longest one keeps its state for them. */
export function shorterLengths({ request, config }: Pick<Comparison, 'request' | 'config'>): {
  lengths: ShorterLength[]
  states: number[]
} {
  const lengths = request.horizons.map((share): ShorterLength => {
    const steps = Math.max(1, Math.round(share * request.steps))
    const shared = steps < request.steps && hasTrunk(config) ? stepsInCommon(steps, request.steps) : 0
    return shared === 0 ? { steps, shared } : { steps, shared, warmup: sharedWarmup(steps, request.steps) }
  })
  return { lengths, states: lengths.map(({ shared }) => shared).filter((step) => step > 0) }
}

/** Everything that has to be trained, in order. */
export function plannedStages({ request, config }: Pick<Comparison, 'request' | 'config'>): PlannedStage[] {
  const contestants = contestantsOf({ request }, config)
  const ablated = ablatedModels(request, config)
  const { tune, tuneSteps, steps, seeds, horizons, ablateSteps, ablateSeeds } = request
  const each = (stage: string, trainings: number, length: number): PlannedStage[] =>
    contestants.map(({ label, config: own }) => ({ stage, model: label, trainings, steps: length, config: own }))
  const [sparse] = contestants
  const shorter = shorterLengths({ request, config }).lengths.map(({ steps: length, shared }, i) => ({
    ...{ stage: 'shorter', model: `${sparse.label}, ${percent(horizons[i])} of the tokens`, trainings: seeds },
    ...{ steps: length - shared, config },
  }))
  const variants = ablated.flatMap((model): PlannedStage[] => {
    const { upcycleAfter = 0 } = model
    const own = { stage: `ablate ${model.ablation}`, model: model.name, trainings: ablateSeeds, config: model.config }
    const first = Math.round(upcycleAfter * ablateSteps)
    const before = { ...own, model: `${model.name}: without experts`, steps: first, config: withoutExperts(config) }
    return first > 0 ? [before, { ...own, steps: ablateSteps - first }] : [{ ...own, steps: ablateSteps }]
  })
  const base = { stage: 'ablate', model: sparse.label, trainings: ablateSeeds, steps: ablateSteps, config }
  return [
    ...(tune.length > 1 ? each('tune', tune.length, tuneSteps) : []),
    ...each('pace', 1, paceSteps),
    ...each('train', seeds, steps),
    ...shorter,
    ...(variants.length > 0 && ablateSteps !== steps ? [base] : []),
    ...variants,
  ]
}

/** Seconds that a stage takes at a peak, validations included. */
export function stageSeconds(
  stage: PlannedStage,
  request: CompareRequest,
  peakGflops: number,
  accumulation = 1,
): number {
  const tokensPerStep = request.batch * request.context * accumulation
  const seconds = (tokens: number): number =>
    (tokens * flopsPerToken(stage.config, request.context)) / (peakGflops * 1e9 * assumedUse)
  const evals =
    stage.stage === 'pace' ? 0 : stage.stage === 'train' || stage.stage.startsWith('ablate') ? request.evals : 1
  // a validation is a forward pass: a third of a step
  const validation = (evals * request.evalBatches * seconds(request.batch * request.context)) / 3
  return stage.trainings * (stage.steps * seconds(tokensPerStep) + validation)
}

/** Prints the plan; returns its length in seconds. */
export function printPlan(comparison: Comparison, terminal: Terminal, peakGflops: number): number {
  const { request, config, preset } = comparison
  const { accumulation } = preset
  const tokensPerStep = request.batch * request.context * accumulation
  terminal.line(
    `${count(request.steps)} steps of ${count(tokensPerStep)} tokens, ${short(request.steps * tokensPerStep)} in all; ` +
      `${request.seeds} ${request.seeds === 1 ? 'seed' : 'seeds'}`,
  )
  terminal.line()
  for (const contestant of contestantsOf(comparison, config)) {
    const { parameters } = accountFor(contestant.config)
    const flops = flopsPerToken(contestant.config, request.context)
    const relative = flops / flopsPerToken(config, request.context)
    const width = contestant.config.enable_moe_block
      ? `${config.num_experts} experts of ${config.moe_intermediate_size}, ${config.top_k_experts} a token, beside ${config.intermediate_size}`
      : `MLP of ${count(contestant.config.intermediate_size)}`
    terminal.line(
      `  ${contestant.label.padEnd(22)} ${short(parameters.total).padStart(6)} weights, ` +
        `${short(flops)}FLOPs a token (${relative.toFixed(3)} of the sparse model), ${width}`,
    )
  }
  terminal.line()
  terminal.line(`  ${'stage'.padEnd(18)}${'model'.padEnd(34)}${'trainings'.padStart(9)}${'steps'.padStart(8)}   about`)
  let total = 0
  for (const stage of plannedStages(comparison)) {
    const seconds = stageSeconds(stage, request, peakGflops, accumulation)
    total += seconds
    terminal.line(
      `  ${stage.stage.padEnd(18)}${stage.model.padEnd(34)}${String(stage.trainings).padStart(9)}` +
        `${count(stage.steps).padStart(8)}   ${duration(seconds)}`,
    )
  }
  terminal.line()
  terminal.line(
    `about ${duration(total)} in all, at ${percent(assumedUse)} of this machine's peak of ` +
      `${count(peakGflops)} GFLOP/s; a best learning rate at an edge of the grid adds trainings`,
  )
  return total
}
