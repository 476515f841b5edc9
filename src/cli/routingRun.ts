// Runs `pollux routing`: reads texts with a run's checkpoint, prints what its experts did, and writes routing.html.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  analyseRouting,
  collectRouting,
  mostSpecialisedLayer,
  type RoutingSample,
  type RoutingUnit,
} from '../evals/index.ts'
import { isMultimodalConfig, loadAnyModel, type Model, type ModelConfig, parseConfig } from '../model/index.ts'
import { readRoutingRecord, type RoutingRecordStep } from '../train/index.ts'
import { Tokenizer } from '../tokenizer/index.ts'
import { PolluxError } from '../util/index.ts'
import { checkpointOf } from './evalRun.ts'
import { count } from './format.ts'
import { keptCheckpoints } from './keptCheckpoints.ts'
import { openMediaModel } from './mediaModel.ts'
import { startStage } from './progress.ts'
import { renderRoutingPage } from './report/index.ts'
import type { RoutingFlags } from './routing.ts'
import { printRouting, printRoutingJson, type RoutingReport, tokenLabel } from './routingTables.ts'
import { findUnits, type UnitReader } from './routingUnits.ts'
import { findRun, listRuns, readJsonFile, type Run, runPaths, writeAside } from './runFolder.ts'
import { openTerminal, silentTerminal, type Terminal } from './terminal.ts'
import { loadWriter } from './textSample.ts'

/** A longer context than this says nothing more about experts. */
const longestUnit = 2048

/** Shows what the flags ask for. */
export async function showRouting(flags: RoutingFlags): Promise<void> {
  const terminal = flags.json ? silentTerminal() : openTerminal(process.stdout)
  const run = findRun(flags.out, flags.run)
  const folder = checkpointOf(run, flags.out, 'routing')
  const { model, ...reader } = openReader(folder, run)
  checkModel(model.textConfig, run.name, flags.layer)
  const others = await otherCheckpoints(flags, run, folder)
  // all read the same units
  const time = Math.min(reader.time, ...others.map((other) => contextOf(other.folder)))
  const stage = startStage(terminal, 'reading')
  const { units, domainNames, from, leftOut } = await findUnits(flags, run.record.request, {
    ...{ ...reader, time },
    onProgress: (documents) => stage.update(`${count(documents)} documents`),
  })
  stage.done(`${from}${leftOut > 0 ? `; ${count(leftOut)} documents left out` : ''}`)
  const { compute } = run.record.request
  const read = (what: string, each: Model) => collect(each, { units, domainNames, compute, what, terminal })
  const sample = await read('routing', model)
  const earlier: { name: string; sample: RoutingSample }[] = []
  for (const { name, folder: other } of others) {
    const loaded = loadAnyModel(other)
    checkAlike(name, loaded.textConfig, model.textConfig)
    earlier.push({ name, sample: await read(name, loaded) })
  }
  const analysing = startStage(terminal, 'figures')
  const analysis = analyseRouting(sample, earlier)
  analysing.done('200 shuffles of the domains in each layer')
  const paths = runPaths(run.folder)
  const record: RoutingRecordStep[] = readRoutingRecord(paths.routing)
  const layer = flags.layer ?? mostSpecialisedLayer(analysis)
  const report: RoutingReport = {
    run,
    from,
    layer,
    analysis,
    record,
    tokenizer: reader.tokenizer,
    page: paths.routingPage,
  }
  writeAside(
    paths.routingPage,
    renderRoutingPage({
      ...report,
      sample,
      label: (id) => tokenLabel(reader.tokenizer, id),
      command: commandOf(flags, run),
    }),
  )
  if (flags.json) printRoutingJson(report)
  else printRouting(report, terminal)
}

function openReader(folder: string, { record: { request } }: Run): UnitReader & { model: Model } {
  const timeOf = (config: ModelConfig): number =>
    Math.min(config.max_position_embeddings, Math.max(2, request.context), longestUnit)
  const config = readJsonFile(join(folder, 'config.json')) as { model_type?: string }
  // media are read by models without towers; the text of the others is read all the same
  if (isMultimodalConfig(config) && config.model_type !== 'gemma4') {
    const { model, tokenizer, encoder } = openMediaModel(folder)
    return { model, tokenizer, encoder, time: timeOf(model.textConfig) }
  }
  if (isMultimodalConfig(config)) {
    const model = loadAnyModel(folder)
    const tokenizer = Tokenizer.load(join(folder, 'tokenizer.json'))
    return { model, tokenizer, encoder: null, time: timeOf(model.textConfig) }
  }
  const { model, tokenizer } = loadWriter(folder)
  return { model, tokenizer, encoder: null, time: timeOf(model.textConfig) }
}

/** Tokens that a checkpoint reads at most. */
function contextOf(folder: string): number {
  return parseConfig(readJsonFile(join(folder, 'config.json'))).max_position_embeddings
}

function checkModel(config: ModelConfig, name: string, layer: number | undefined): void {
  if (!config.enable_moe_block) {
    throw new PolluxError(`routing: run "${name}" must have experts, got a dense model`, {
      hint: 'npx pollux train --routing experts=16,top-k=2 trains one with experts',
    })
  }
  const last = config.num_hidden_layers - 1
  if (layer !== undefined && layer > last) {
    throw new PolluxError(`routing: --layer must be from 0 to ${last}, got ${layer}`)
  }
}

async function collect(
  model: Model,
  options: { units: RoutingUnit[]; domainNames: string[]; compute: 'bf16' | 'f32'; what: string; terminal: Terminal },
): Promise<RoutingSample> {
  const { units, terminal, what, ...rest } = options
  const stage = startStage(terminal, what)
  const sample = await collectRouting(model, units, {
    ...rest,
    onProgress: (tokens, total) => stage.update(`${count(tokens)} of ${count(total)} tokens`),
  })
  stage.done(`${count(sample.ids.length)} tokens`)
  return sample
}

/** Kept checkpoints of the run, then what --against names. */
async function otherCheckpoints(flags: RoutingFlags, run: Run, own: string) {
  const kept = keptCheckpoints(runPaths(run.folder).kept)
  // the last one kept is most often the checkpoint itself
  const step = run.record.outcome?.step
  const earlier = kept
    .filter((each) => each.step !== step)
    .map(({ step: at, folder }) => ({ name: `step ${at}`, folder }))
  const named = (flags.against ?? []).map((what) => ({ name: what, folder: checkpointNamed(what, flags.out) }))
  return [...earlier, ...named].filter(({ folder }) => folder !== own)
}

function checkpointNamed(what: string, out: string): string {
  for (const folder of [what, runPaths(what).checkpoint]) if (existsSync(join(folder, 'config.json'))) return folder
  const found = listRuns(out).find(({ name }) => name === what)
  if (found) return checkpointOf(found, out, 'routing')
  throw new PolluxError(`routing: --against must be a run or the folder of a checkpoint, got ${JSON.stringify(what)}`, {
    hint: 'npx pollux runs lists the runs',
  })
}

function checkAlike(name: string, other: ModelConfig, own: ModelConfig): void {
  for (const field of ['vocab_size', 'num_hidden_layers', 'num_experts', 'top_k_experts'] as const) {
    if (other[field] === own[field]) continue
    throw new PolluxError(`routing: ${name} must have the ${field} of the run, ${own[field]}, got ${other[field]}`, {
      hint: 'choices can be compared between models of one shape and one tokenizer',
    })
  }
}

function commandOf({ data, world, against, tokens }: RoutingFlags, run: Run): string {
  const quoted = (flag: string, values: string[] = []) =>
    values.map((value) => ` ${flag} ${JSON.stringify(value)}`).join('')
  const worldFlag = world === undefined ? '' : ` --world${world === true ? '' : ` ${String(world)}`}`
  return `npx pollux routing --run ${run.name}${quoted('--data', data)}${worldFlag}${quoted('--against', against)} --tokens ${tokens}`
}
