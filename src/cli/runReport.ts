// Gathers what the report of a run shows: its files, its summary, the corpus, the machine.
import { arch, cpus, platform, totalmem } from 'node:os'
import type { Corpus } from '../data/index.ts'
import type { ModelConfig, MultimodalConfig } from '../model/index.ts'
import type { StepMetrics, Summary } from '../train/index.ts'
import { bytes, count, duration, short } from './format.ts'
import { readMetrics } from './metricsLog.ts'
import { type Facts, renderReport, type Source } from './report/index.ts'
import { type Run, type RunRequest, runPaths, writeAside } from './runFolder.ts'
import { resumeCommand, sampleCommand } from './trainPlan.ts'

/** Steps whose routing the heat map sums up. */
const loadSteps = 50

/** What a finished (or stopped) run hands over. */
export interface Finished {
  run: Run
  out: string
  config: ModelConfig | MultimodalConfig
  /** Null for the generated world. */
  corpus: Corpus | null
  summary: Summary
  sample?: { prompt: string; text: string }
}

/** Writes report.html of a run; returns its path. */
export function writeReport({ run, out, config, corpus, summary, sample }: Finished): string {
  const paths = runPaths(run.folder)
  const steps = withFinalValidation(readMetrics(paths.metrics), summary)
  const page = renderReport({
    ...summary,
    name: run.name,
    createdAt: run.record.createdAt,
    steps,
    expertLoad: sumLoad(steps.slice(-loadSteps)),
    config: modelFacts('text_config' in config ? config.text_config : config, summary),
    training: trainingFacts(run, summary),
    machine: machineFacts(summary),
    corpus: corpus === null ? [] : sourcesOf(corpus),
    sample,
    commands: [sampleCommand(run, out), resumeCommand(run, out)],
  })
  writeAside(paths.report, page)
  return paths.report
}

/** The validation at the end belongs to no step of the log; it is shown at the last one. */
function withFinalValidation(steps: StepMetrics[], { valBitsPerByte }: Summary): StepMetrics[] {
  const last = steps.at(-1)
  if (last === undefined || valBitsPerByte === undefined) return steps
  return [...steps.slice(0, -1), { ...last, valBitsPerByte }]
}

/** Tokens of each expert, per layer, over all steps. */
function sumLoad(steps: readonly StepMetrics[]): number[][] | undefined {
  const first = steps.find((step) => step.expertTokens !== undefined)?.expertTokens
  return first?.map((experts, layer) =>
    experts.map((_, expert) => steps.reduce((sum, step) => sum + (step.expertTokens?.[layer]?.[expert] ?? 0), 0)),
  )
}

function modelFacts(config: ModelConfig, summary: Summary): Facts {
  const windows = config.layer_types.filter((type) => type === 'sliding_attention').length
  const facts: Facts = [
    ['parameters', short(summary.parameters)],
    ['active per token', short(summary.activeParameters)],
    ['FLOPs per token', short(summary.flopsPerToken)],
    ['layers', `${config.num_hidden_layers} (${windows} with window ${config.sliding_window})`],
    ['width', count(config.hidden_size)],
    ['heads', `${config.num_attention_heads}, ${config.num_key_value_heads} for keys, of ${config.head_dim}`],
    ['vocabulary', count(config.vocab_size)],
    ['dense MLP', count(config.intermediate_size)],
  ]
  if (config.enable_moe_block) {
    facts.push(['experts', `${config.num_experts} of ${config.moe_intermediate_size}, ${config.top_k_experts} a token`])
  }
  return facts
}

function trainingFacts({ record: { request } }: Run, summary: Summary): Facts {
  const { horizon, context, batch } = request
  const length =
    'steps' in horizon ? `${count(horizon.steps)} steps` : 'minutes' in horizon ? `${horizon.minutes} min` : ''
  return [
    ['preset', request.preset],
    ['asked for', length],
    ['batch', `${batch} × ${count(context)} tokens`],
    ['optimizer', request.optimizer],
    ['arithmetic', request.compute],
    ...peakRates(request),
    ['seed', String(request.seed)],
    ['skipped steps', count(summary.skippedSteps)],
    ['time', duration(summary.seconds)],
  ]
}

/** AdamW has a rate of its own beside Muon, for what Muon does not update. */
function peakRates({ optimizer, matrixLearningRate, learningRate }: RunRequest): Facts {
  const adamw: Facts = [['peak rate, AdamW', learningRate.toPrecision(3)]]
  return optimizer !== 'adamw' ? [['peak rate, Muon', matrixLearningRate.toPrecision(3)], ...adamw] : adamw
}

function machineFacts(summary: Summary): Facts {
  return [
    ['processor', cpus()[0]?.model.trim() ?? 'unknown'],
    ['kernels', summary.isa],
    ['threads', String(summary.threads)],
    ['measured GEMM peak', `${count(summary.peakGflops)} GFLOP/s`],
    ['memory', bytes(totalmem())],
    ['system', `${platform()} ${arch()}, Node ${process.versions.node}`],
  ]
}

/** The corpus by package, or by what was given with --data. */
export function sourcesOf({ documents }: Pick<Corpus, 'documents'>): Source[] {
  const sources = new Map<string, Source & { paths: Set<string> }>()
  for (const { provenance, bytes: size } of documents) {
    const { package: name, version, source, licence = 'not stated' } = provenance
    const title = name === undefined ? source : `${name} ${version}`
    let row = sources.get(title)
    if (row === undefined) {
      row = { name: title, licence, files: 0, bytes: 0, paths: new Set() }
      sources.set(title, row)
    }
    row.paths.add(provenance.path)
    row.bytes += size
  }
  return [...sources.values()].map(({ paths, ...row }) => ({ ...row, files: paths.size }))
}
