// Training in bf16 against f32: the same model, batches and seeds, 300 steps on real text, final losses compared.
//
// A pair of runs differs in nothing but the arithmetic of products and the dtype of activations. Final loss is given twice:
// on held-out text, and as the mean of the last 20 steps. Single runs part ways by chance (one token routed otherwise
// changes all that follows), up or down by about a percent in the training loss; a bias of bf16 would show in the mean over
// seeds. Depth 3 takes about four minutes; `--filter nano` runs nano itself, about half an hour.
import { presetForDepth } from '../src/model/index.ts'
import { trainModel } from '../src/train/index.ts'
import { type RealText, realText } from './realText.ts'
import type { BenchOptions, Report } from './report.ts'

export const name = 'precision'
export const description = 'bf16 against f32: final loss after 300 steps, 3 seeds (--filter nano: the whole model)'

const steps = 300
const seeds = [1, 2, 3]

interface Final {
  loss: number
  val: number
}

export async function run(report: Report, { filter }: BenchOptions): Promise<void> {
  const depth = filter === 'nano' ? 6 : 3
  const text = await realText(4096)
  const pairs: { f32: Final; bf16: Final }[] = []
  for (const seed of seeds) {
    const f32 = await train(text, depth, seed, 'f32')
    const bf16 = await train(text, depth, seed, 'bf16')
    report.row(row(`depth ${depth}, seed ${seed}: validation`, bf16.val, f32.val))
    report.row(row(`depth ${depth}, seed ${seed}: last 20 steps`, bf16.loss, f32.loss))
    pairs.push({ f32, bf16 })
  }
  for (const [key, label] of [
    ['val', 'validation'],
    ['loss', 'last 20 steps'],
  ] as const) {
    const mean = (of: 'f32' | 'bf16'): number => pairs.reduce((sum, pair) => sum + pair[of][key], 0) / pairs.length
    report.row(row(`${label}, mean of ${seeds.length} seeds`, mean('bf16'), mean('f32')))
    const worst = Math.max(...pairs.map(({ f32, bf16 }) => Math.abs(bf16[key] / f32[key] - 1)))
    report.note(`${label}: largest difference of one seed ${(100 * worst).toFixed(2)}%`)
  }
}

function row(label: string, bf16: number, f32: number) {
  return { case: label, value: bf16, unit: 'bits/byte', peer: 'f32', peerValue: f32, ratio: f32 / bf16 }
}

async function train(text: RealText, depth: number, seed: number, compute: 'bf16' | 'f32'): Promise<Final> {
  const preset = presetForDepth(depth)
  const [batch, time] = depth === 6 ? [preset.batch, preset.time] : [8, 256]
  const { loader, validation } = await text.prepare({ batch, time, seed })
  const { config, learningRate, matrixLearningRate } = preset
  const summary = await trainModel({
    config: { ...config, vocab_size: text.vocabSize },
    training: { horizon: { steps }, batch, time, seed, compute, learningRate, matrixLearningRate },
    loader,
    validation,
  })
  return { loss: summary.lossBitsPerByte, val: summary.valBitsPerByte! }
}
