// What recording the experts costs: steps of one run with the record and without it, in turns, as a ratio of their times.
//
// Two runs of nano on equal batches go on side by side and take their steps in turn; the time of a step is from the end of the
// other run's to the end of its own, so that the line written to disk counts. The bar is 1.02.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { preset } from '../src/model/index.ts'
import { trainModel } from '../src/train/index.ts'
import { randomBatches } from './randomBatches.ts'
import type { BenchOptions, Report } from './report.ts'
import { median } from './timing.ts'

export const name = 'recording'
export const description =
  'a training step with the record of routing against one without (--filter micro: a tiny model)'

const warmUp = 3

export async function run(report: Report, { filter }: BenchOptions): Promise<void> {
  const micro = filter === 'micro'
  const steps = micro ? 400 : 40
  const times = await stepsInTurn(micro ? 'micro' : 'nano', steps)
  const [on, off] = [times.on, times.off].map((each) => median(each.slice(warmUp)) * 1000)
  // pairs of neighbours see the same machine, so their ratio is steadier than that of the medians
  const ratios = times.on.slice(warmUp).map((seconds, i) => seconds / times.off[warmUp + i])
  report.row({
    case: `${micro ? 'micro' : 'nano'} step with the record of routing`,
    value: on,
    unit: 'ms',
    peer: 'without',
    peerValue: off,
    ratio: off / on,
  })
  const sorted = ratios.toSorted((a, b) => a - b)
  const at = (share: number): string => sorted[Math.round(share * (sorted.length - 1))].toFixed(4)
  report.note(
    `time with over time without, median of ${ratios.length} pairs: ${at(0.5)} (middle half ${at(0.25)} to ${at(0.75)})`,
  )
}

/** Seconds of each step of two runs that take turns. */
async function stepsInTurn(name: 'micro' | 'nano', steps: number): Promise<{ on: number[]; off: number[] }> {
  const { config, batch, time } = preset(name)
  const folder = mkdtempSync(join(tmpdir(), 'pollux-recording-'))
  const times = { on: [] as number[], off: [] as number[] }
  let last = 0
  // the run whose turn it is waits for nothing; the other one for the end of its step
  const turns = { on: Promise.withResolvers<void>(), off: Promise.withResolvers<void>() }
  const train = async (which: 'on' | 'off', other: 'on' | 'off'): Promise<void> => {
    const source = randomBatches(config.vocab_size, batch, time)
    await trainModel({
      config,
      training: { horizon: { steps }, batch, time, routingRecord: which === 'on' },
      runFolder: which === 'on' ? folder : undefined,
      loader: {
        ...source,
        async next() {
          await turns[which].promise
          turns[which] = Promise.withResolvers()
          last = performance.now()
          return source.next()
        },
      },
      onStep: () => {
        times[which].push((performance.now() - last) / 1000)
        turns[other].resolve()
      },
    })
  }
  try {
    turns.on.resolve()
    await Promise.all([train('on', 'off'), train('off', 'on')])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return times
}
