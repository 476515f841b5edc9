import { denseTwin, flopsPerToken, presetForDepth, withRouting } from '../src/model/index.ts'
import { trainModel } from '../src/train/index.ts'
import { timeKernels } from '../bench/kernelTimes.ts'
import { randomBatches } from '../bench/randomBatches.ts'
const routing = process.argv[2], depth = Number(process.argv[3] ?? 3)
const base = { ...presetForDepth(depth).config, vocab_size: 512, max_position_embeddings: 256 }
const sparse = withRouting(base, routing)
for (const [label, config] of [['sparse', sparse], ['dense', denseTwin(sparse, 256)]] as const) {
  let clocks: any, n = 0, sec = 0
  await trainModel({ config, training: { horizon: { steps: 8 }, batch: 64, time: 256, optimizer: 'muon-all', matrixLearningRate: 0.03, learningRate: 0.02 },
    loader: randomBatches(512, 64, 256),
    onStep: ({ step, tokensPerSecond }) => { if (step === 3) clocks = timeKernels(); if (step > 3) { n++; sec += 16384 / tokensPerSecond } } })
  const times = clocks.stop()
  const k = times.reduce((s: number, t: any) => s + t.seconds, 0)
  console.log(label, (1000 * sec / n).toFixed(0), 'ms/step', 'flops/token', flopsPerToken(config, 256), 'outside', ((sec - k) / n * 1000).toFixed(0))
  for (const t of times.slice(0, 16)) console.log('  ', t.name.padEnd(24), (1000 * t.seconds / n).toFixed(1), Math.round(t.calls / n))
}
