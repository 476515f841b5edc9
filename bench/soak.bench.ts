// A server under twice the load it can bear, for half an hour: does it answer everybody, and does it stay as large as it was?
//
//   npm run bench -- soak                          30 minutes; POLLUX_SOAK_MINUTES=3 for three
//
// Runs `pollux serve` over a small model with random weights. First a closed loop finds how many requests a second it answers;
// then requests of both protocols come at twice that rate, at random moments, whether it keeps up or not: short and long prompts,
// shared beginnings, streams, schemas, vectors, pinned prefixes, wrong bodies, and clients that leave in the middle. Who comes
// to a full queue must be told when to come again (429 or 503). At the end everything drains.
//
// Bars, and an exit code that is not 0 where one is missed:
//   unanswered 0, status 500 0, wrong answers 0      pages of keys and values in use 0, held by nobody 0, pinned 0
//   resident size at the end (median of the last sixth) at most 5% above that after the warm-up third (median of the sixth behind it)
import { setTimeout as sleep } from 'node:timers/promises'
import { Rng } from '../src/util/index.ts'
import type { Report } from './report.ts'
import { closeConnections, type Outcome, send, type SoakRequest } from './soak/client.ts'
import { drawRequest } from './soak/requests.ts'
import { batch, type SoakServer, startServer } from './soak/server.ts'
import { median } from './timing.ts'

export const name = 'soak'
export const description = 'a server at twice its capacity: nobody unanswered, nothing lost, memory flat'

/** How far the resident size may grow after the warm-up. */
const mostGrowth = 0.05

class Tally {
  readonly counts = new Map<Outcome, number>()
  readonly reasons = new Map<string, number>()
  open = 0

  of(outcome: Outcome): number {
    return this.counts.get(outcome) ?? 0
  }

  /** Sends a request and whatever follows it. */
  async send(url: string, request: SoakRequest): Promise<void> {
    this.open++
    for (let next: SoakRequest | undefined = request; next;) {
      const asked: SoakRequest = next
      const { outcome, reason, text } = await send(url, asked)
      this.counts.set(outcome, this.of(outcome) + 1)
      if (reason !== undefined) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1)
      next = outcome === 'answered' ? asked.then?.(text) : undefined
    }
    this.open--
  }

  toString(): string {
    return [...this.counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
  }
}

export async function run(report: Report): Promise<void> {
  const minutes = Number(process.env.POLLUX_SOAK_MINUTES ?? 30)
  if (!(minutes > 0)) throw new Error(`soak: POLLUX_SOAK_MINUTES must be above 0, got ${minutes}`)
  await using server = await startServer()
  const rng = new Rng(1)
  const capacity = await measureCapacity(server, rng)
  report.note(
    `capacity ${capacity.toFixed(1)} requests/s with ${batch} at a time; sending twice that for ${minutes} minutes`,
  )
  const tally = new Tally()
  const sizes = await overload(server, { report, rng, tally, rate: 2 * capacity, seconds: 60 * minutes })
  const misses = [...outcomeRows(report, tally), ...(await drainedRows(report, server)), ...sizeRow(report, sizes)]
  closeConnections()
  if (misses.length === 0) return report.note('every bar is kept')
  for (const [reason, count] of [...tally.reasons].slice(0, 20)) report.note(`${count} x ${reason}`)
  if (server.complaints !== '') report.note(`the server said: ${server.complaints}`)
  for (const miss of misses) report.note(`MISSED: ${miss}`)
  process.exitCode = 1
}

/** Requests a second that are answered while as many as it serves at a time are under way. */
async function measureCapacity({ url }: SoakServer, rng: Rng): Promise<number> {
  const [warmUp, measured] = [5000, 10_000]
  const tally = new Tally()
  const until = performance.now() + warmUp + measured
  const worker = async (): Promise<void> => {
    while (performance.now() < until) await tally.send(url, drawRequest(rng))
  }
  const workers = Array.from({ length: batch }, worker)
  const served = (): number => tally.of('answered') + tally.of('left') + tally.of('rejected')
  await sleep(warmUp)
  const before = served()
  await sleep(measured)
  const rate = (served() - before) / (measured / 1000)
  await Promise.all(workers)
  return rate
}

interface Load {
  report: Report
  rng: Rng
  tally: Tally
  /** Requests a second. */
  rate: number
  seconds: number
}

/** Sends at random moments, waiting for nobody; resolves with the resident size of every second once all are answered. */
async function overload(server: SoakServer, { report, rng, tally, rate, seconds }: Load): Promise<number[]> {
  const sizes: number[] = []
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1000
  const sampler = setInterval(() => {
    if (server.exitCode === null) sizes.push(server.rss())
  }, 1000)
  const teller = setInterval(() => void tell(), 60_000)
  const tell = async (): Promise<void> => {
    const metrics = await server.metrics().catch(() => new Map<string, number>())
    report.note(
      `${(elapsed() / 60).toFixed(0)} min: ${String(tally)}, ${tally.open} open; ${mebibytes(sizes.at(-1) ?? 0)} resident; ` +
        `${metrics.get('vllm:num_requests_running')} running, ${metrics.get('vllm:num_requests_waiting')} waiting, ` +
        `${mebibytes(metrics.get('pollux:kv_bytes_kept') ?? 0)} kept, ${metrics.get('pollux:kv_bytes_lost')} B lost`,
    )
  }
  const sent: Promise<void>[] = []
  for (let due = 0; due < seconds; due += -Math.log(1 - rng.uniform()) / rate) {
    if (due > elapsed()) await sleep(1000 * Math.max(0, due - elapsed()))
    if (server.exitCode !== null) throw new Error(`soak: the server must stay up, got its end: ${server.complaints}`)
    sent.push(tally.send(server.url, drawRequest(rng)))
  }
  clearInterval(sampler)
  await Promise.all(sent)
  clearInterval(teller)
  await tell()
  return sizes
}

const noPeer = { peer: null, peerValue: null, ratio: null }

function outcomeRows(report: Report, tally: Tally): string[] {
  const outcomes: Outcome[] = ['answered', 'refused', 'rejected', 'left', 'unanswered', 'failed', 'wrong']
  for (const outcome of outcomes) report.row({ case: outcome, value: tally.of(outcome), unit: 'requests', ...noPeer })
  const bars: Outcome[] = ['unanswered', 'failed', 'wrong']
  return bars
    .filter((outcome) => tally.of(outcome) > 0)
    .map((outcome) => `${outcome} must be 0, got ${tally.of(outcome)}`)
}

/** What is still held when nobody asks any more; pins of the longest time to live have run out. */
async function drainedRows(report: Report, server: SoakServer): Promise<string[]> {
  await sleep(8000)
  const metrics = await server.metrics()
  const rows = {
    'requests that run': 'vllm:num_requests_running',
    'requests that wait': 'vllm:num_requests_waiting',
    'pages in use': 'pollux:kv_bytes_used',
    'pages lost': 'pollux:kv_bytes_lost',
    'prefixes pinned': 'pollux:prefix_pinned',
  }
  const misses = Object.entries(rows).flatMap(([label, metric]) => {
    const value = metrics.get(metric) ?? NaN
    report.row({ case: `drained: ${label}`, value, unit: label.startsWith('pages') ? 'B' : '', ...noPeer })
    return value === 0 ? [] : [`${label} must be 0 when drained, got ${value}`]
  })
  report.note(`drained: ${mebibytes(metrics.get('pollux:kv_bytes_kept') ?? NaN)} of pages kept by the prefix tree`)
  return misses
}

function sizeRow(report: Report, sizes: readonly number[]): string[] {
  const part = (from: number, to: number): number =>
    median(sizes.slice(Math.floor(sizes.length * from), Math.ceil(sizes.length * to)))
  const [before, end] = [part(1 / 3, 1 / 2), part(5 / 6, 1)]
  report.row({
    case: 'resident size at the end',
    ...{
      value: end / 2 ** 20,
      unit: 'MiB',
      peer: 'after the warm-up third',
      peerValue: before / 2 ** 20,
      ratio: before / end,
    },
  })
  if (end <= (1 + mostGrowth) * before) return []
  return [`the resident size must grow by at most ${100 * mostGrowth}%, got ${(100 * (end / before - 1)).toFixed(1)}%`]
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
