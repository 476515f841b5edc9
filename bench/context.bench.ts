// Long contexts of `nano` with random weights: reading N tokens in chunks, writing at depth, memory against the formula.
//
//   npm run bench -- context                    32K in bf16, and what keys and values take at 128K
//   npm run bench -- context --filter 1m        1,000,000 tokens; `1m int8`, `1m k=v`, `1m k=v int8`, `100k` likewise
//   npm run bench -- context --filter "64k out" writing 64,000 tokens behind a short prompt
//
// The floor of reading is what is computed of every row (all layers but the last, the last one's keys and values) at the
// machine's own GEMM peak: only the last layer of nano is full, and of the rows of a prompt it computes the last one. Time
// a token is taken over the 8 chunks before a depth, and over 16 tokens written there. Resident memory is counted from a
// warmed-up model on, so what grows is keys and values and what is kept for a chunk. Ctrl-C ends a run with what it has.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { generate, KvCache, prefill, step } from '../src/inference/index.ts'
import {
  activeParameters,
  Decoder,
  keyValueBytes,
  layerShapes,
  type ModelConfig,
  parseConfig,
  preset,
} from '../src/model/index.ts'
import { measurePeakGflops } from '../src/train/index.ts'
import { Rng } from '../src/util/index.ts'
import type { BenchOptions, Report } from './report.ts'

export const name = 'context'
export const description = 'a context of a million tokens: reading, writing at depth, memory'

type KvDtype = 'bf16' | 'int8'
interface Case {
  label: string
  tokens: number
  dtype: KvDtype
  keysAreValues: boolean
}

const sizes = { '32k': 32_768, '100k': 100_000, '1m': 1_000_000 } as const
const cases: Case[] = Object.entries(sizes).flatMap(([label, tokens]) =>
  [false, true].flatMap((keysAreValues) =>
    (['bf16', 'int8'] as const).map((dtype) => ({
      label: [label, keysAreValues ? 'k=v' : '', dtype === 'int8' ? 'int8' : ''].filter(Boolean).join(' '),
      ...{ tokens, dtype, keysAreValues },
    })),
  ),
)
const outLabel = '64k out'
/** Depths whose time a token is told. */
const marks = [100_000, 1_000_000]
const chunk = 512
const written = 16

export async function run(report: Report, { filter }: BenchOptions): Promise<void> {
  const stop = new AbortController()
  const onInterrupt = (): void => {
    report.note('stopping at the end of this chunk')
    stop.abort()
  }
  process.once('SIGINT', onInterrupt)
  try {
    if (filter === undefined || filter === 'bytes') bytesPerToken(report)
    const exact = cases.filter(({ label }) => label === (filter ?? '32k'))
    const chosen =
      exact.length > 0 ? exact : cases.filter(({ label }) => filter !== undefined && label.includes(filter))
    for (const each of chosen) if (!stop.signal.aborted) await readLong(report, each, stop.signal)
    if (filter === outLabel) await writeLong(report, stop.signal)
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

function configFor(keysAreValues: boolean): ModelConfig {
  return parseConfig({
    ...preset('nano').config,
    max_position_embeddings: 2 ** 20,
    attention_k_eq_v: keysAreValues,
  })
}

/** Bytes of keys and values a token at 128K, against the same model with full layers only, K and V in bf16. */
function bytesPerToken(report: Report): void {
  const tokens = 131_072
  const each = (config: ModelConfig, dtype: KvDtype): number => keyValueBytes(config, tokens, dtype) / tokens
  const plain = configFor(false)
  const global = parseConfig({ ...plain, layer_types: plain.layer_types.map(() => 'full_attention') })
  const peerValue = each(global, 'bf16')
  for (const keysAreValues of [false, true]) {
    for (const dtype of ['bf16', 'int8'] as const) {
      const value = each(configFor(keysAreValues), dtype)
      report.row({
        case: `keys and values at 128K, ${keysAreValues ? 'k=v' : 'k and v'} ${dtype}`,
        ...{ value, unit: 'B/token', peer: 'all full, k and v bf16', peerValue, ratio: peerValue / value },
      })
    }
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Resident bytes once what nobody holds is given back: memory outside of the heap is freed some turns after it was collected. */
async function rss(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().rss
}

/** A model whose buffers and packed weights are in place. */
async function warmModel(config: ModelConfig, dtype: KvDtype): Promise<Decoder> {
  const model = new Decoder(config).initialise(new Rng(1))
  using cache = new KvCache(config, { dtype })
  await prefill(model, cache, { ids: randomIds(config, 2 * chunk) }, { chunk })
  for (let i = 0; i < 4; i++) step(model, [cache], Int32Array.of(1))
  return model
}

function randomIds(config: ModelConfig, count: number): Int32Array {
  const rng = new Rng(2)
  return Int32Array.from({ length: count }, () => Math.floor(rng.uniform() * config.vocab_size))
}

/** Operations of reading `count` tokens: all of a forward pass but what follows the last layer's keys and values. */
function readingFlops(config: ModelConfig, count: number): number {
  const shapes = layerShapes(config)
  const last = shapes[shapes.length - 1]
  if (shapes.some(({ type }, layer) => type === 'full_attention' && layer < shapes.length - 1)) {
    throw new Error('context: the floor holds for one full layer, the last')
  }
  const { hidden_size: dim, vocab_size: vocab } = config
  const keys = { own: 2, keys: 1, shared: 0 }[last.values] * last.kvHeads * last.headDim
  const below = parseConfig({
    ...config,
    num_hidden_layers: shapes.length - 1,
    layer_types: config.layer_types.slice(0, -1),
  })
  const { heads, headDim } = shapes[0]
  const window = 4 * heads * headDim * config.sliding_window * (shapes.length - 1)
  return count * (2 * (activeParameters(below) - dim * vocab + dim * keys) + window)
}

async function readLong(report: Report, test: Case, signal: AbortSignal): Promise<void> {
  const { label, tokens, dtype, keysAreValues } = test
  const config = configFor(keysAreValues)
  const model = await warmModel(config, dtype)
  const ids = randomIds(config, tokens)
  const peak = measurePeakGflops('bf16', 500)
  report.note(
    `${label}: GEMM peak ${peak.toFixed(0)} GFLOP/s; floor of reading ${duration(readingFlops(config, tokens) / peak / 1e9)}`,
  )
  const before = await rss()
  using cache = new KvCache(config, { dtype })
  const started = performance.now()
  const line = progressOf(report, test, config, { before, peak, started })
  const stops = [...marks.filter((mark) => mark < tokens - written), tokens]
  try {
    for (const mark of stops) {
      let last = performance.now()
      const pieces: number[] = []
      const onProgress = (done: number): void => {
        pieces.push(performance.now() - last)
        line(cache.length)
        void done
        last = performance.now()
      }
      const rest = ids.subarray(cache.length, mark - (mark < tokens ? 0 : written))
      await prefill(model, cache, { ids: rest }, { chunk, onProgress, signal })
      const recent = pieces.slice(-9, -1)
      const read = recent.reduce((sum, ms) => sum + ms, 0) / Math.max(1, recent.length) / chunk
      const write = writeSome(model, cache, ids)
      const depth = cache.length
      report.row({ case: `${label}: reading at ${depth}`, value: read, unit: 'ms/token', ...noPeer })
      report.row({ case: `${label}: writing at ${depth}`, value: write, unit: 'ms/token', ...noPeer })
    }
  } catch (error) {
    if (!signal.aborted) throw error
    report.note(`${label}: stopped after ${cache.length} tokens`)
  }
  const seconds = (performance.now() - started) / 1000
  const floor = readingFlops(config, cache.length) / peak / 1e9
  report.row({
    case: `${label}: ${cache.length} tokens in all`,
    ...{ value: seconds, unit: 's', peer: 'floor of reading', peerValue: floor, ratio: floor / seconds },
  })
  const [grown, formula] = [(await rss()) - before, keyValueBytes(config, cache.length, dtype)]
  report.row({
    case: `${label}: resident memory grown by`,
    ...{ value: grown / 2 ** 20, unit: 'MiB', peer: 'formula', peerValue: formula / 2 ** 20, ratio: grown / formula },
  })
  report.note(`${label}: pages hold ${mebibytes(cache.bytes)}`)
  cache.release()
  report.note(`${label}: ${mebibytes((await rss()) - before)} above the start once released`)
}

const noPeer = { peer: null, peerValue: null, ratio: null }

/** Milliseconds a token of writing, the mean of `written`. */
function writeSome(model: Decoder, cache: KvCache, ids: Int32Array): number {
  const started = performance.now()
  for (let i = 0; i < written; i++) step(model, [cache], ids.subarray(i, i + 1))
  return (performance.now() - started) / written
}

/** Tells how a long reading goes, every ten seconds at most. */
function progressOf(
  report: Report,
  { label, tokens, dtype }: Case,
  config: ModelConfig,
  { before, peak, started }: { before: number; peak: number; started: number },
): (done: number) => void {
  let [time, at] = [started, 0]
  return (done) => {
    const now = performance.now()
    if (now - time < 10_000) return
    const rate = readingFlops(config, done - at) / (now - time) / 1e6
    const left = (((now - time) / (done - at)) * (tokens - done)) / 1000
    const grown = process.memoryUsage().rss - before
    report.note(
      `${label}: ${done} of ${tokens}, ${(((done - at) / (now - time)) * 1000).toFixed(0)} tokens/s, ${percent(rate / peak)} of peak, ` +
        `${mebibytes(grown)} grown (formula ${mebibytes(keyValueBytes(config, done, dtype))}), ${duration(left)} left`,
    )
    ;[time, at] = [now, done]
  }
}

/** Writes 64,000 tokens, and tells speed and memory on the way. */
async function writeLong(report: Report, signal: AbortSignal): Promise<void> {
  const [config, prompt, wanted] = [configFor(false), 1024, 64_000]
  const model = await warmModel(config, 'bf16')
  const before = await rss()
  let [drawn, time] = [0, performance.now()]
  const started = time
  const options = { maxTokens: wanted, temperature: 0, rng: new Rng(3) }
  let grown = 0
  for await (const _ of generate(model, randomIds(config, prompt), options)) {
    drawn++
    if (drawn % 4000 === 0) {
      const now = performance.now()
      grown = process.memoryUsage().rss - before
      const formula = keyValueBytes(config, prompt + drawn)
      report.note(
        `${outLabel}: ${drawn} written, ${((now - time) / 4000).toFixed(2)} ms a token, ${mebibytes(grown)} grown (formula ${mebibytes(formula)})`,
      )
      time = now
    }
    if (signal.aborted) break
  }
  const formula = keyValueBytes(config, prompt + drawn)
  report.row({
    case: `${outLabel}: ${drawn} tokens written`,
    ...{ value: (performance.now() - started) / Math.max(1, drawn), unit: 'ms/token', ...noPeer },
  })
  report.row({
    case: `${outLabel}: resident memory grown by`,
    ...{ value: grown / 2 ** 20, unit: 'MiB', peer: 'formula', peerValue: formula / 2 ** 20, ratio: grown / formula },
  })
}

const percent = (share: number): string => `${(100 * share).toFixed(0)}%`
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const duration = (seconds: number): string =>
  seconds < 120 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`
