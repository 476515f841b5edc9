// routing.jsonl: what every router did in every step, beside metrics.jsonl, one line a step.
//
// The line is compact: loads as whole numbers, the rest to four digits (about 700 bytes a step for nano). A resumed run cuts the
// file back to the step it resumes from and watches on from there, as if it had not stopped. A line cut off by a crash is dropped.
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ModelConfig } from '../model/index.ts'
import { isRecord } from '../util/index.ts'
import type { RouterMetrics, RoutingMetrics } from './metrics.ts'
import { deadAfter, type RoutingAlert, RoutingWatch } from './routingWatch.ts'

/** One layer with experts in one step; figures that were not known are NaN. */
export interface RoutingRecordLayer extends RouterMetrics {
  /** Tokens that each expert got, [E]. */
  load: number[]
  /** Largest load over the mean, minus 1. */
  maxVio: number
  /** Experts without a token in the last 100 steps. */
  dead: number
}

/** A line of routing.jsonl. */
export interface RoutingRecordStep {
  step: number
  /** Tokens trained on so far. */
  tokens: number
  layers: RoutingRecordLayer[]
  alerts?: RoutingAlert[]
}

/** Path of the record in a run folder. */
export function routingRecordPath(runFolder: string): string {
  return join(runFolder, 'routing.jsonl')
}

/** Keeps the record of a run, and watches it. */
export class RoutingRecord {
  readonly #watch: RoutingWatch
  readonly #path: string | null

  /** @param runFolder left out: nothing is written. @param fromStep what an earlier session wrote beyond this step is cut off */
  constructor(config: ModelConfig, { runFolder, fromStep }: { runFolder?: string; fromStep: number }) {
    this.#watch = new RoutingWatch(config)
    this.#path = runFolder === undefined ? null : routingRecordPath(runFolder)
    if (this.#path === null || !existsSync(this.#path)) return
    const kept = readRoutingRecord(this.#path).filter(({ step }) => step <= fromStep)
    for (const { step, layers } of kept.slice(-2 * deadAfter)) this.#watch.step(step, layers)
    writeFileSync(`${this.#path}.tmp`, kept.map(lineOf).join(''))
    renameSync(`${this.#path}.tmp`, this.#path)
  }

  /** Takes in a step; returns what began to go wrong. Nothing happens for a model without experts. */
  step({ step, tokens }: { step: number; tokens: number }, metrics: RoutingMetrics): RoutingAlert[] {
    const { routers, expertTokens, balancePerLayer } = metrics
    if (routers.length === 0) return []
    const layers = routers.map((router, i) => ({ load: expertTokens[i], maxVio: balancePerLayer[i], ...router }))
    const alerts = this.#watch.step(step, layers)
    const withDead = layers.map((layer, i) => ({ ...layer, dead: this.#watch.dead(i) }))
    const record = { step, tokens, layers: withDead, ...(alerts.length > 0 ? { alerts } : {}) }
    if (this.#path !== null) {
      mkdirSync(dirname(this.#path), { recursive: true })
      appendFileSync(this.#path, lineOf(record))
    }
    return alerts
  }
}

/** All whole lines of a record, in order; [] when there is none. */
export function readRoutingRecord(path: string): RoutingRecordStep[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .map(parseLine)
    .filter((step) => step !== undefined)
}

function lineOf(record: RoutingRecordStep): string {
  const short = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? shortNumber(value) : value
  return `${JSON.stringify(record, short)}\n`
}

/** Four digits; null for what is no number. */
function shortNumber(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null
}

function parseLine(line: string): RoutingRecordStep | undefined {
  if (line === '') return undefined
  try {
    const value: unknown = JSON.parse(line)
    if (!isRecord(value) || typeof value.step !== 'number' || !Array.isArray(value.layers)) return undefined
    if (!value.layers.every(isLayer)) return undefined
    const layers = value.layers.map((layer) => ({ ...layer, ...numbersOf(layer) }))
    return { ...(value as unknown as RoutingRecordStep), layers }
  } catch {
    return undefined
  }
}

const figures = ['maxVio', 'dead', 'entropy', 'rowEntropy', 'margin', 'dropped'] as const

function isLayer(value: unknown): value is RoutingRecordLayer {
  return isRecord(value) && Array.isArray(value.load) && value.load.every((count) => typeof count === 'number')
}

function numbersOf(layer: RoutingRecordLayer) {
  return Object.fromEntries(figures.map((name) => [name, layer[name] ?? Number.NaN]))
}
