// Resident size of a long training run of `nano`: after 50 steps and after 500.
//
// The run is the ordinary loop on real text, with a micro-batch of 2 x 256 so that 500 steps take two minutes. Resident
// size includes JavaScript's heap, which breathes: it is read after a collection where the process allows one
// (node --expose-gc), else as it stands.
import { preset } from '../src/model/index.ts'
import { trainModel } from '../src/train/index.ts'
import { realText } from './realText.ts'
import type { Report } from './report.ts'

export const name = 'memory'
export const description = 'resident size of training after 50 and after 500 steps'

const marks = [50, 500]

export async function run(report: Report): Promise<void> {
  const { config, learningRate, matrixLearningRate } = preset('nano')
  const text = await realText(4096)
  const [batch, time] = [2, 256]
  const { loader } = await text.prepare({ batch, time, seed: 1 })
  const sizes = new Map<number, number>()
  await trainModel({
    config: { ...config, vocab_size: text.vocabSize },
    training: { horizon: { steps: marks[1] }, batch, time, learningRate, matrixLearningRate },
    loader,
    onStep: ({ step }) => {
      if (!marks.includes(step)) return
      globalThis.gc?.()
      sizes.set(step, process.memoryUsage().rss / 2 ** 20)
    },
  })
  const [early, late] = marks.map((step) => sizes.get(step)!)
  report.row({
    case: 'nano, resident after 50 steps',
    value: early,
    unit: 'MiB',
    peer: null,
    peerValue: null,
    ratio: null,
  })
  report.row({
    case: 'nano, resident after 500 steps',
    value: late,
    unit: 'MiB',
    peer: 'after 50',
    peerValue: early,
    ratio: late / early,
  })
}
