// Dense training (no experts) against @jax-js/jax, the other way to train in JavaScript: its wasm backend, jit compiled.
//
// The same config, batch and optimiser (AdamW) on both sides; ours in bf16, jax-js in f32, the only one it has on a CPU.
// Shapes are small so that the bench ends in minutes; both take turns. The largest comes first: jax-js does not get all of its 4
// GiB back between models.
import { parseConfig } from '../src/model/index.ts'
import { trainModel } from '../src/train/index.ts'
import { jaxModel } from './peers/jaxModel.ts'
import { randomBatches } from './randomBatches.ts'
import type { BenchOptions, Report } from './report.ts'
import { median } from './timing.ts'

export const name = 'jax'
export const description = 'dense training, tokens/s, against @jax-js/jax'

const cases = [
  // nano's width, depth and sequence length, without its experts; 4 rows are more than jax-js's 4 GiB hold
  { depth: 6, hidden: 384, vocab: 8192, batch: 2, time: 512, rounds: 3 },
  { depth: 2, hidden: 128, vocab: 1024, batch: 2, time: 128, rounds: 9 },
  { depth: 4, hidden: 256, vocab: 2048, batch: 4, time: 128, rounds: 5 },
]

export async function run(report: Report, options: BenchOptions): Promise<void> {
  for (const shape of cases) {
    const { depth, hidden, vocab, batch, time } = shape
    const label = `depth ${depth}, hidden ${hidden}, ${batch}x${time} tokens`
    if (options.filter && !label.includes(options.filter)) continue
    const config = denseConfig(depth, hidden, vocab, time)
    const peer = await jaxModel(config, batch, time)
    const [ours, theirs] = await inTurns(config, shape, peer, report)
    report.row({
      case: label,
      value: ours,
      unit: 'tokens/s',
      peer: '@jax-js/jax wasm',
      peerValue: theirs,
      ratio: ours / theirs,
    })
  }
}

function denseConfig(depth: number, hidden: number, vocab: number, time: number): ReturnType<typeof parseConfig> {
  return parseConfig({
    enable_moe_block: false,
    vocab_size: vocab,
    hidden_size: hidden,
    num_hidden_layers: depth,
    sliding_window: time / 2,
    num_attention_heads: hidden / 64,
    num_key_value_heads: hidden / 128,
    head_dim: 64,
    intermediate_size: 3 * hidden,
    max_position_embeddings: time,
  })
}

/** Our steps between two of the peer's: only the first of them finds the caches as jax-js left them. */
const stepsInTurn = 4

/** Median tokens/s of both; the first two turns of each warm up (and compile). */
async function inTurns(
  config: ReturnType<typeof parseConfig>,
  { batch, time, rounds }: (typeof cases)[number],
  peer: Awaited<ReturnType<typeof jaxModel>>,
  report: Report,
): Promise<[number, number]> {
  const ours: number[] = []
  const theirs: number[] = []
  const losses: number[] = []
  await trainModel({
    config,
    training: { horizon: { steps: stepsInTurn * (rounds + 2) }, batch, time, accumulation: 1, optimizer: 'adamw' },
    loader: randomBatches(config.vocab_size, batch, time),
    onStart: ({ parameters }) => report.note(`${parameters} parameters here, ${peer.parameters} in jax-js`),
    onStep: async ({ step, loss, tokensPerSecond }) => {
      const isWarm = step > 2 * stepsInTurn
      if (step === 1) losses.push(loss)
      if (isWarm) ours.push(tokensPerSecond)
      if (step % stepsInTurn !== 0) return
      const start = performance.now()
      const peerLoss = await peer.step()
      const seconds = (performance.now() - start) / 1000
      if (step === stepsInTurn) losses.push(peerLoss)
      if (isWarm) theirs.push((batch * time) / seconds)
    },
  })
  checkLosses(losses, config.vocab_size)
  return [median(ours), median(theirs)]
}

/** Both models must start at the loss of a fresh model, ln V, or one of them computes something else. */
function checkLosses(losses: readonly number[], vocab: number): void {
  for (const loss of losses) {
    if (!(Math.abs(loss - Math.log(vocab)) < 0.7)) {
      throw new Error(`jax: a first loss must be near ln ${vocab} = ${Math.log(vocab).toFixed(3)}, got ${loss}`)
    }
  }
}
