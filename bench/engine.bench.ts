// The engine on `nano` with random weights: many at once against one after another, and what the prefix tree saves.
//
//   npm run bench -- engine                     all of it
//   npm run bench -- engine --filter batch      16 requests at once against the same 16 in turn
//   npm run bench -- engine --filter prefix     the same prompt again, and a follow-up turn, at a depth of 32K, against cold
//
// Guessing ahead is off, since random weights repeat themselves. Time to the first token is from the request to its event.
import { createEngine, type Engine, type EngineRequest } from '../src/inference/index.ts'
import { Decoder, parseConfig, preset } from '../src/model/index.ts'
import { Rng } from '../src/util/index.ts'
import type { BenchOptions, Report } from './report.ts'

export const name = 'engine'
export const description = 'serving: a batch of 16 against 16 in turn; time to first token with a known prefix'

const depth = 32_768
const config = parseConfig({ ...preset('nano').config, max_position_embeddings: 2 * depth })

export async function run(report: Report, { filter }: BenchOptions): Promise<void> {
  const model = new Decoder(config).initialise(new Rng(1))
  const engine = createEngine(model, { speculate: 0 })
  try {
    await answer(engine, request(16, 8, 1)) // packs the weights
    if (filter === undefined || filter === 'batch') await batch(report, engine)
    if (filter === undefined || filter === 'prefix') await prefix(report, engine)
  } finally {
    await engine.close()
  }
}

function request(count: number, maxTokens: number, salt: number): EngineRequest {
  const rng = new Rng(salt)
  const ids = Int32Array.from({ length: count }, () => rng.integer(config.vocab_size))
  return { prompt: { ids }, maxTokens, sampling: { temperature: 0 } }
}

async function answer(engine: Engine, asked: EngineRequest): Promise<{ ids: number[]; firstMs: number }> {
  const start = performance.now()
  let firstMs = 0
  const ids: number[] = []
  for await (const event of engine.generate(asked)) {
    if (event.type !== 'token') continue
    firstMs ||= performance.now() - start
    ids.push(event.id)
  }
  return { ids, firstMs }
}

/** Tokens a second of 16 requests of 32 tokens that write 128 each; twice in turns, the better of each. */
async function batch(report: Report, engine: Engine): Promise<void> {
  const requests = (salt: number): EngineRequest[] =>
    Array.from({ length: 16 }, (_, i) => ({ ...request(32, 128, salt + i), keepPrefix: false }))
  const tokens = 16 * 128
  let [inTurn, atOnce] = [0, 0]
  for (const salt of [100, 200]) {
    let start = performance.now()
    for (const each of requests(salt)) await answer(engine, each)
    inTurn = Math.max(inTurn, (1000 * tokens) / (performance.now() - start))
    start = performance.now()
    await Promise.all(requests(salt).map((each) => answer(engine, each)))
    atOnce = Math.max(atOnce, (1000 * tokens) / (performance.now() - start))
  }
  report.row({
    ...{ case: 'nano bf16, 16 requests at once', value: atOnce, unit: 'tokens/s' },
    ...{ peer: 'one after another', peerValue: inTurn, ratio: atOnce / inTurn },
  })
}

async function prefix(report: Report, engine: Engine): Promise<void> {
  const cold = request(depth, 64, 7)
  const first = await answer(engine, cold)
  const again = await answer(engine, cold)
  const rng = new Rng(9)
  const more = Array.from({ length: 32 }, () => rng.integer(config.vocab_size))
  const ids = Int32Array.from([...cold.prompt.ids, ...first.ids, ...more])
  const followUp = await answer(engine, { ...cold, prompt: { ids } })
  for (const [label, { firstMs }] of [
    ['the same prompt again', again],
    ['a follow-up turn of 32 tokens', followUp],
  ] as const) {
    report.row({
      ...{ case: `first token at 32K, ${label}`, value: firstMs, unit: 'ms' },
      ...{ peer: 'cold', peerValue: first.firstMs, ratio: first.firstMs / firstMs },
    })
  }
}
