// Runs `pollux inspect`: finds what was named, counts it from its config, and prints tables or one object.
import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  accountFor,
  type Capacity,
  CheckpointReader,
  configNames,
  type ConfigName,
  isCapacitySpec,
  type ModelAccount,
  type ModelConfig,
  namedConfig,
  parseCapacity,
  parseConfig,
  parts,
  type PresetName,
  preset,
  presetNames,
} from '../model/index.ts'
import { didYouMean, PolluxError } from '../util/index.ts'
import { bytes, count, percent, short } from './format.ts'
import type { InspectFlags } from './inspect.ts'
import { inspectGguf } from './inspectGguf.ts'
import { printJson } from './json.ts'
import { findRun, listRuns, readJsonFile, runPaths } from './runFolder.ts'
import { openTerminal, printable, type Terminal } from './terminal.ts'

/** A config and where it came from. */
interface Found {
  name: string
  kind: 'run' | 'checkpoint' | 'config' | 'preset' | 'published'
  config: ModelConfig
  /** Folder of stored weights, where there is one. */
  folder?: string
}

/** What the files of a checkpoint hold, from their headers. */
interface Stored {
  parameters: number
  /** Of which belong to media towers and embedders, not to the text model. */
  media: number
  dtypes: string[]
}

/** Prints what there is to say of `what`; undefined: the newest run. */
export function inspect(what: string | undefined, flags: InspectFlags): void {
  const terminal = openTerminal(process.stdout)
  if (what !== undefined && !existsSync(what) && isCapacitySpec(what)) {
    const capacity = parseCapacity(what)
    if (flags.json) printJson({ kind: 'paper', name: what, ...capacity })
    else printCapacity(capacity, terminal)
    return
  }
  if (what !== undefined && what.endsWith('.gguf') && existsSync(what)) {
    inspectGguf(what, flags, terminal)
    return
  }
  const found = find(what, flags.out)
  const stored = found.folder === undefined ? undefined : storedIn(found.folder)
  const account = accountFor(found.config, flags.context)
  if (flags.json) {
    const { name, kind, folder, config } = found
    printJson({ kind, name, folder, model_type: config.model_type, stored, ...account })
    return
  }
  printAccount(found, account, terminal)
  if (stored !== undefined) printStored(stored, account, terminal)
}

/** @throws PolluxError that lists what there is */
function find(what: string | undefined, out: string): Found {
  if (what === undefined) return ofRun(out, undefined)
  if ((presetNames as readonly string[]).includes(what)) {
    return { name: what, kind: 'preset', config: preset(what as PresetName).config }
  }
  if ((configNames as readonly string[]).includes(what)) {
    return { name: what, kind: 'published', config: namedConfig(what as ConfigName) }
  }
  if (existsSync(what)) return ofPath(what)
  const runs = existsSync(out) ? listRuns(out).map(({ name }) => name) : []
  if (runs.includes(what)) return ofRun(out, what)
  const words = [...presetNames, ...configNames, ...runs]
  const nearest = didYouMean(what, words)
  throw new PolluxError(
    `inspect: must name a run, a path, or one of ${[...presetNames, ...configNames].join(', ')}; got ${JSON.stringify(what)}`,
    { hint: nearest === undefined ? 'npx pollux runs lists the runs' : `did you mean ${nearest}?` },
  )
}

function ofRun(out: string, name: string | undefined): Found {
  const run = findRun(out, name)
  const { checkpoint } = runPaths(run.folder)
  if (!existsSync(checkpoint)) {
    throw new PolluxError(`inspect: run "${run.name}" must have a checkpoint, got none in ${run.folder}`)
  }
  return { name: run.name, kind: 'run', ...ofFolder(checkpoint) }
}

function ofPath(path: string): Found {
  const name = basename(path)
  if (statSync(path).isFile()) return { name, kind: 'config', config: readConfig(path) }
  const { checkpoint } = runPaths(path)
  const folder = existsSync(join(path, 'config.json')) || !existsSync(checkpoint) ? path : checkpoint
  return { name, kind: folder === path ? 'checkpoint' : 'run', ...ofFolder(folder) }
}

function ofFolder(folder: string): Pick<Found, 'config' | 'folder'> {
  const path = join(folder, 'config.json')
  if (!existsSync(path)) {
    throw new PolluxError(`inspect: ${folder} must have a config.json, got none`, {
      hint: 'name the folder of a checkpoint, or a run',
    })
  }
  return { config: readConfig(path), folder }
}

function readConfig(path: string): ModelConfig {
  return parseConfig(readJsonFile(path))
}

/** undefined where a folder has a config and no weights. */
function storedIn(folder: string): Stored | undefined {
  const names = ['model.safetensors', 'model.safetensors.index.json']
  if (!names.some((name) => existsSync(join(folder, name)))) return undefined
  using reader = new CheckpointReader(folder)
  const dtypes = new Set<string>()
  let media = 0
  for (const name of reader.names) {
    const { dtype, shape } = reader.info(name)!
    dtypes.add(dtype)
    if (isMedia(name)) media += shape.reduce((product, n) => product * n, 1)
  }
  return { parameters: reader.size, media, dtypes: [...dtypes] }
}

function isMedia(name: string): boolean {
  return /(^|\.)(vision|audio|embed_vision|embed_audio|multi_modal)/.test(name)
}

// ---- for people ----

function printAccount({ name, kind, config }: Found, account: ModelAccount, terminal: Terminal): void {
  const { parameters, flops, cache, memory, context } = account
  const title = (text: string): void => terminal.line(`\n${terminal.paint('bold', text)}`)
  const shape = `${config.num_hidden_layers} layers, width ${count(config.hidden_size)}`
  const experts = config.enable_moe_block ? `, ${config.top_k_experts} of ${config.num_experts} experts` : ''
  terminal.line(`${terminal.paint('bold', printable(name))}  ${kind}, ${config.model_type}, ${shape}${experts}`)

  title('parameters of the text model')
  const rows = parts.flatMap((part) => {
    const { total, active } = parameters.parts[part]
    return total === 0 ? [] : [[part, weights(total), weights(active), percent(total / parameters.total)]]
  })
  const sum = ['all', weights(parameters.total), weights(parameters.active), '']
  printTable([['', 'held', 'used for a token', 'share'], ...rows, sum], terminal)

  title('compute')
  const compute = [
    ['training, a token', operations(flops.trainingPerToken), `forward and backward, sequences of ${count(context)}`],
    ['writing, a token', operations(flops.writingPerToken), `after ${count(context)} tokens`],
  ]
  printTable(compute, terminal)

  title('keys and values, bf16')
  const kinds = [
    ['full', cache.full],
    ['sliding', cache.sliding],
  ] as const
  const cacheRows = kinds.map(([kind, share]) => [
    kind,
    `${share.layers}${share.sharing > 0 ? ` (+${share.sharing} sharing)` : ''}`,
    bytes(share.bytesPerToken),
    count(share.tokens),
    bytes(share.bytes),
  ])
  printTable([['layers', 'number', 'a token', 'tokens kept', 'memory'], ...cacheRows], terminal)

  title(`memory at ${count(context)} tokens`)
  const memoryRows = Object.entries(memory).map(([dtype, each]) => [dtype, bytes(each.weights), bytes(each.withCache)])
  printTable([['weights in', 'weights', 'with keys and values'], ...memoryRows], terminal)
  if (context > config.max_position_embeddings) {
    const limit = count(config.max_position_embeddings)
    terminal.line(terminal.paint('yellow', `\n${count(context)} tokens are beyond the ${limit} the model is made for`))
  }
}

function printStored({ parameters, media, dtypes }: Stored, account: ModelAccount, terminal: Terminal): void {
  const text = parameters - media
  const beside = media > 0 ? `, and ${weights(media)} of media towers beside` : ''
  terminal.line(`\nstored: ${weights(text)} parameters in ${dtypes.join(', ')}${beside}`)
  // constants and keys that nothing reads may stand in files; a large difference means another model
  if (Math.abs(text - account.parameters.total) > 0.02 * account.parameters.total) {
    terminal.line(
      terminal.paint('yellow', `the config asks for ${weights(account.parameters.total)}: not the same model?`),
    )
  }
}

function printCapacity(capacity: Capacity, terminal: Terminal): void {
  const { experts, active, held, used, memory, forwardPerToken, dense } = capacity
  terminal.line(`${terminal.paint('bold', `${weights(held)} held, ${weights(used)} used per token`)}`)
  terminal.line(
    `${experts} experts of ${weights(capacity.expert)}, ${active} active` +
      (capacity.shared > 0 ? `, ${weights(capacity.shared)} shared` : ''),
  )
  const rows = [
    ['', 'sparse', `dense ${weights(dense.parameters)}`, 'sparse / dense'],
    ['compute, a token', operations(forwardPerToken), operations(dense.forwardPerToken)],
    ['memory in bf16', bytes(memory.bf16), bytes(dense.memory.bf16)],
    ['memory in int8', bytes(memory.int8), bytes(dense.memory.int8)],
    ['memory in int4', bytes(memory.int4), bytes(dense.memory.int4)],
  ]
  const ratios = [forwardPerToken / dense.forwardPerToken, ...Array<number>(3).fill(held / dense.parameters)]
  ratios.forEach((ratio, i) => rows[i + 1].push(`${Number(ratio.toPrecision(3))}x`))
  terminal.line()
  printTable(rows, terminal)
  if (dense.isRule) {
    terminal.line(
      `\n${terminal.paint('dim', 'dense: sqrt(held * used), a rule of thumb for equal quality; name another:')}`,
    )
    terminal.line(terminal.paint('dim', '  npx pollux inspect "32 experts of 50B, 2 active, against a dense 70B"'))
  }
}

/** 1600000000000 -> "1.6T", as sizes of models are written. */
function weights(parameters: number): string {
  const text = short(parameters)
  const [, digits, unit] = /^([\d.]+)(\w?)$/.exec(text) ?? [undefined, text, '']
  return `${Number(digits)}${unit.replace('G', 'B').replace('k', 'K')}`
}

/** 1600000000 -> "1.60 GFLOP". */
function operations(flops: number): string {
  return short(flops).replace(/(\w?)$/, (unit) => (/\d/.test(unit) ? `${unit} FLOP` : ` ${unit}FLOP`))
}

/** Rows in columns; columns of numbers stand to the right. */
function printTable(rows: string[][], terminal: Terminal): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const isNumber = rows[0].map((_, column) => column > 0 && /^\d/.test(rows.at(-1)![column] ?? rows[1][column]))
  for (const row of rows) {
    const cells = row.map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
    terminal.line(`  ${cells.join('  ')}`.trimEnd())
  }
}
