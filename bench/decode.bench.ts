// Reading and writing text with a model of about 1B parameters (experts, random weights), in bf16, 8 and 4 bits.
//
//   npm run bench -- decode                        all; `--filter q8_0`, `--filter q4_0`, `--filter bf16` one of them
//
// Each of them is measured against llama.cpp with the GGUF that `exportGguf` makes of the same weights, same quantisation, same
// threads, in turns. Writing is bound by memory: the share of the bandwidth is what a token must read (all matrices, of experts
// the chosen ones) over what a plain read of a gigabyte takes in the same run. Needs 6 GB of memory and 1 of disk.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KvCache, prefill, step } from '../src/inference/index.ts'
import { Decoder, exportGguf, type ModelConfig, parseConfig, quantise } from '../src/model/index.ts'
import { kernels } from '../src/native/index.ts'
import { trainTokenizer } from '../src/tokenizer/index.ts'
import { Rng } from '../src/util/index.ts'
import { orMissing, type Peer, startLlama } from './peers/peer.ts'
import type { BenchOptions, Report } from './report.ts'
import { median } from './timing.ts'

export const name = 'decode'
export const description = 'a 1B model of experts reads and writes in bf16, 8 and 4 bits, against llama.cpp'

const kinds = [
  { label: 'bf16', kind: 'bf16', type: 'bf16' },
  { label: 'q8_0', kind: 'int8', type: 'q8_0' },
  { label: 'q4_0', kind: 'int4', type: 'q4_0' },
] as const
type Kind = (typeof kinds)[number]

const promptTokens = 512
const written = 48
const rounds = 5

/** 0.93B parameters, 0.23B used for a token. */
function benchConfig(): ModelConfig {
  return parseConfig({
    vocab_size: 32_768,
    hidden_size: 1024,
    num_hidden_layers: 16,
    sliding_window: 512,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    head_dim: 64,
    intermediate_size: 1024,
    num_experts: 32,
    top_k_experts: 4,
    moe_intermediate_size: 512,
    max_position_embeddings: 2048,
    bos_token_id: 2,
    eos_token_id: 1,
    pad_token_id: 0,
  })
}

/** Random weights from one block of numbers laid end to end: a billion draws would take a minute. */
function benchModel(): Decoder {
  const rng = new Rng(1)
  const block = Float32Array.from({ length: 999_983 }, () => rng.normal())
  const model = new Decoder(benchConfig())
  let shift = 0
  for (const { parameter, role, parts } of model.weights) {
    const { data } = parameter
    if (parts.length === 0) {
      data.fill(1)
      continue
    }
    const scale = role === 'embedding' ? 0.02 : parts[0].cols ** -0.5
    for (let i = 0; i < data.length; i++) data[i] = scale * block[(i + shift) % block.length]
    shift += 7919
  }
  return model
}

const ids = (count: number) => Int32Array.from({ length: count }, (_, i) => 40 + ((i * 37) % 200))

export async function run(report: Report, { filter }: BenchOptions): Promise<void> {
  const bandwidth = measureBandwidth()
  report.row({
    case: 'reading a gigabyte',
    value: bandwidth / 1e9,
    unit: 'GB/s',
    peer: null,
    peerValue: null,
    ratio: null,
  })
  using peer = await orMissing(startLlama(kernels.threads), report.note)
  if (peer) report.note(`peer: ${String(peer.hello.name)}, ${kernels.threads} threads`)
  const folder = mkdtempSync(join(tmpdir(), 'pollux-decode-'))
  try {
    for (const kind of kinds) {
      if (filter === undefined || kind.label.includes(filter)) await measure(kind, { report, peer, bandwidth, folder })
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Bytes a second that all threads together read from memory. */
function measureBandwidth(): number {
  const values = new Float32Array(kernels.allocate(2 ** 30))
  const seconds = Array.from({ length: 7 }, () => {
    const start = process.hrtime.bigint()
    kernels.sumSquares(values, values.length)
    return Number(process.hrtime.bigint() - start) / 1e9
  })
  kernels.release(values.buffer as ArrayBuffer)
  return 2 ** 30 / Math.min(...seconds)
}

interface Setting {
  report: Report
  peer: Peer | undefined
  bandwidth: number
  folder: string
}

async function measure({ label, kind, type }: Kind, { report, peer, bandwidth, folder }: Setting): Promise<void> {
  const model = benchModel()
  const path = join(folder, `${label}.gguf`)
  if (peer) {
    exportGguf(model, path, { type, name: 'bench', tokenizer: await benchTokenizer() })
    await peer.ask({ do: 'load', path, threads: kernels.threads, context: 2048 })
  }
  quantise(model, kind)
  const [reading, writing, peerReading, peerWriting]: number[][] = [[], [], [], []]
  for (let round = 0; round <= rounds; round++) {
    const own = await timeOwn(model)
    reading.push(own.reading)
    writing.push(own.writing)
    if (!peer) continue
    peerReading.push((await peer.ask({ do: 'read', tokens: promptTokens })).seconds / promptTokens)
    const { seconds, written: count } = await peer.ask({ do: 'write', prompt: 16, tokens: written })
    peerWriting.push(seconds / count)
  }
  // the first round has warmed both up
  const rate = (seconds: number[]) => 1 / median(seconds.slice(1))
  const row = (what: string, own: number[], peers: number[]): number => {
    const value = rate(own)
    const peerValue = peer ? rate(peers) : null
    const ratio = peerValue === null ? null : value / peerValue
    report.row({ case: `${label} ${what}`, value, unit: 'tokens/s', peer: peer ? 'llama.cpp' : null, peerValue, ratio })
    return value
  }
  row(`reads ${promptTokens} tokens`, reading, peerReading)
  const speed = row('writes', writing, peerWriting)
  const limit = bandwidth / bytesPerToken(model)
  report.row({
    case: `${label} writes, of the bandwidth limit`,
    value: speed,
    unit: 'tokens/s',
    peer: 'limit',
    peerValue: limit,
    ratio: speed / limit,
  })
  if (peer) {
    await peer.ask({ do: 'end' })
    rmSync(path)
  }
  for (const { parameter } of model.weights) parameter.release()
}

async function benchTokenizer() {
  return trainTokenizer(['the quick brown fox jumps over the lazy dog '.repeat(20)], { vocabSize: 300 })
}

/** Seconds a token. */
async function timeOwn(model: Decoder): Promise<{ reading: number; writing: number }> {
  const clock = (): number => Number(process.hrtime.bigint()) / 1e9
  let start = clock()
  using cache = new KvCache(model.config)
  await prefill(model, cache, { ids: ids(promptTokens) })
  const reading = (clock() - start) / promptTokens
  using short = new KvCache(model.config)
  let logits = await prefill(model, short, { ids: ids(16) })
  start = clock()
  for (let i = 0; i < written; i++) logits = step(model, [short], Int32Array.of(likeliest(logits)))
  return { reading, writing: (clock() - start) / written }
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id
  return best
}

/** What a token reads at least: packed matrices, of experts those that it meets, routers in f32. */
function bytesPerToken(model: Decoder): number {
  const { top_k_experts: chosen, num_experts: experts } = model.config
  return model.weights.reduce((sum, { parameter, role }) => {
    return sum + parameter.packedBytes * (role === 'experts' ? chosen / experts : 1)
  }, 0)
}
