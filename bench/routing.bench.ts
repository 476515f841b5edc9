// What routing and dispatch cost: a training step of nano with experts against one of its dense twin, which spends as many
// FLOPs on a token. Twice: with rows given out in turn (perfectly even, no choice to make), and with the router choosing.
//
// All three are real training loops on real text that pass a baton (train/comparePace.ts); ratios are medians over
// neighbouring steps. Then where the surplus goes: milliseconds of each group of kernels, sparse less dense. The bar for
// the step with its router is 1.15 times the dense step. `--filter micro` takes a tiny model, `--filter 32x4` nano with
// 32 experts of which a token meets 4, at the same FLOPs.
import { type ModelConfig, denseTwin, flopsPerToken, preset, withRouting } from '../src/model/index.ts'
import { measurePaces, type Pace, type Paced, paceRatio } from '../src/train/index.ts'
import { type KernelTime, timeKernels } from './kernelTimes.ts'
import { realText } from './realText.ts'
import type { BenchOptions, Report } from './report.ts'

export const name = 'routing'
export const description =
  'a step with experts against a dense step of equal FLOPs, and where the rest goes (--filter micro, 32x4)'

const rounds = 8
const stepsPerTurn = 3

/** Kernels by what they do for a step. */
const groups: Record<string, readonly string[]> = {
  router: ['routerForward', 'routerBackward'],
  'dispatch and combine': ['dispatchPlan', 'combineForward', 'combineBackward'],
  'products of experts': ['groupedGemm', 'groupedOuter'],
  'dense products': ['gemm'],
  'packing of weights': ['gemmPack'],
  'activations and norms': ['gegluForward', 'gegluBackward', 'rmsnormForward', 'rmsnormBackward', 'axpby', 'convert'],
  attention: ['attentionForward', 'attentionBackward', 'headNormRopeForward', 'headNormRopeBackward'],
  head: ['headCrossEntropy', 'embeddingForward', 'embeddingBackward'],
  'AdamW, norm of gradients': ['adamw', 'sumSquares'],
  Muon: ['muon'],
}

export async function run(report: Report, { filter }: BenchOptions): Promise<void> {
  const chosen = preset(filter === 'micro' ? 'micro' : 'nano')
  const { batch, time } = chosen
  const text = await realText(chosen.config.vocab_size)
  const { learningRate, matrixLearningRate } = chosen
  const base: ModelConfig = { ...chosen.config, vocab_size: text.vocabSize }
  const sparse = filter === '32x4' ? withRouting(base, 'experts=32,top-k=4,expert-width=96') : base
  const models = {
    'router chooses': sparse,
    'rows in turn': withRouting(sparse, 'choice=round-robin'),
    dense: denseTwin(sparse, time),
  }
  const configs = Object.values(models)
  const contestants = await Promise.all(
    configs.map(async (config): Promise<Paced> => {
      const { loader } = await text.prepare({ batch, time, seed: 0 })
      return { config, loader, training: { batch, time, learningRate, matrixLearningRate } }
    }),
  )
  const clocks = new Clocks(configs.length)
  const options = { rounds, stepsPerTurn, onCounted: clocks.counted }
  const paces = (await measurePaces(contestants, options))!
  const dense = paces.at(-1)!
  const [sparseFlops, denseFlops] = [flopsPerToken(sparse, time), flopsPerToken(models.dense, time)]
  report.note(`FLOPs a token: sparse ${sparseFlops}, dense ${denseFlops} (${(denseFlops / sparseFlops).toFixed(4)})`)
  Object.keys(models).forEach((label, i) => {
    if (paces[i] === dense) return
    const cost = paceRatio(paces[i], dense)
    report.row({
      case: `step of ${chosen.name}, ${label}`,
      value: paces[i].secondsPerStep * 1000,
      unit: 'ms',
      peer: 'dense twin',
      peerValue: dense.secondsPerStep * 1000,
      ratio: 1 / cost,
    })
    report.note(
      `${label}: a step takes ${cost.toFixed(3)} times a dense step (${spread(paces[i].samples, dense.samples)})`,
    )
  })
  reportSurplus(report, clocks, paces)
}

/** Kernel times of each contestant's counted steps. */
class Clocks {
  readonly times: Map<string, number>[]
  #running?: ReturnType<typeof timeKernels>

  constructor(contestants: number) {
    this.times = Array.from({ length: contestants }, () => new Map())
  }

  readonly counted = (contestant: number, begins: boolean): void => {
    if (begins) {
      this.#running = timeKernels()
      return
    }
    for (const { name: kernel, seconds } of this.#running!.stop() as KernelTime[]) {
      this.times[contestant].set(kernel, (this.times[contestant].get(kernel) ?? 0) + seconds)
    }
  }
}

/** Milliseconds a step in each group of kernels, sparse beside dense. */
function reportSurplus(report: Report, { times }: Clocks, paces: readonly Pace[]): void {
  const [sparse, dense] = [times[0], times.at(-1)!]
  const steps = paces[0].samples.length
  const mean = ({ samples }: Pace): number => (1000 * samples.reduce((sum, seconds) => sum + seconds, 0)) / steps
  const known = new Set(Object.values(groups).flat())
  const other = [...new Set([...sparse.keys(), ...dense.keys()])].filter((kernel) => !known.has(kernel))
  const inGroup = (of: Map<string, number>, kernels: readonly string[]): number =>
    (1000 * kernels.reduce((sum, kernel) => sum + (of.get(kernel) ?? 0), 0)) / steps
  const rows = { ...groups, 'other kernels': other }
  let [mine, theirs] = [0, 0]
  const row = (label: string, value: number, peerValue: number): void => {
    report.row({ case: `time in ${label}`, value, unit: 'ms/step', peer: 'dense twin', peerValue, ratio: null })
  }
  for (const [label, kernels] of Object.entries(rows)) {
    const [a, b] = [inGroup(sparse, kernels), inGroup(dense, kernels)]
    ;[mine, theirs] = [mine + a, theirs + b]
    if (a + b > 0) row(label, a, b)
  }
  row('the rest, outside of kernels', mean(paces[0]) - mine, mean(paces.at(-1)!) - theirs)
}

/** The middle half of the ratios of neighbouring steps. */
function spread(one: readonly number[], other: readonly number[]): string {
  const sorted = one.map((seconds, i) => seconds / other[i]).sort((a, b) => a - b)
  const at = (share: number): string => sorted[Math.round(share * (sorted.length - 1))].toFixed(3)
  return `middle half ${at(0.25)} to ${at(0.75)}`
}
