// A whole training step of `nano`: tokens/s against the same model in PyTorch, MFU, and where the time goes.
//
// Ours is the real training loop (trainModel) on random tokens: forward, backward, clipping, Muon and AdamW. PyTorch runs
// the same config, batch and optimisers in bf16 autocast, eager and compiled, in turns with our steps; the faster one is
// the peer. MFU is model FLOPs a second (without recomputation) over the peak of our own bf16 product, measured at the
// start of the same run. Without `--filter` this takes some minutes, most of them torch.compile.
import { kernels } from '../src/native/index.ts'
import { preset, type Preset } from '../src/model/index.ts'
import { type StartInfo, trainModel } from '../src/train/index.ts'
import { type KernelTime, timeKernels } from './kernelTimes.ts'
import { orMissing, type Peer, startPython } from './peers/peer.ts'
import { randomBatches } from './randomBatches.ts'
import type { BenchOptions, Report } from './report.ts'
import { median } from './timing.ts'

export const name = 'step'
export const description =
  'a training step of nano: tokens/s against PyTorch, MFU, time by kernel (--filter eager: no compile)'

const warmUp = 3
const rounds = 6
const modes = ['eager', 'compile'] as const

interface Measured {
  info: StartInfo
  tokensPerSecond: number
  /** Of the peer, by mode; what could not be measured is left out. */
  peers: Map<string, number>
  times: KernelTime[]
  /** Seconds and number of the steps that `times` is a sum of. */
  timedSeconds: number
}

export async function run(report: Report, options: BenchOptions): Promise<void> {
  const nano = preset('nano')
  const wanted = modes.filter((mode) => !options.filter || mode.includes(options.filter))
  using peer =
    wanted.length > 0 ? await orMissing(startPython('torch_step.py', kernels.threads), report.note) : undefined
  if (peer) report.note(`peer: ${peer.hello.name}, bf16 autocast, ${kernels.threads} threads`)
  const measured = await measure(nano, peer, peer ? wanted : [], report)
  reportSpeed(report, measured)
  reportTimes(report, measured)
}

/** Runs our loop; after each of our steps in a round the peer takes one of its own. */
async function measure(
  nano: Preset,
  peer: Peer | undefined,
  wanted: readonly string[],
  report: Report,
): Promise<Measured> {
  const { config, batch, time } = nano
  const ours: number[] = []
  const theirs = new Map<string, number[]>()
  const blocks = Math.max(1, wanted.length)
  const timedFrom = warmUp + blocks * rounds
  let info: StartInfo | undefined
  let clocks: ReturnType<typeof timeKernels> | undefined
  let timedSeconds = 0
  await trainModel({
    config,
    training: { horizon: { steps: timedFrom + rounds }, batch, time, accumulation: 1 },
    loader: randomBatches(config.vocab_size, batch, time),
    onStart: (start) => {
      info = start
    },
    onStep: async ({ step, tokensPerSecond }) => {
      if (step > timedFrom) timedSeconds += (batch * time) / tokensPerSecond
      if (step === timedFrom) clocks = timeKernels()
      if (step < warmUp || step > timedFrom) return
      if (step > warmUp) ours.push(tokensPerSecond)
      const mode = wanted[Math.floor((step - warmUp) / rounds)]
      if (!peer || mode === undefined) return
      if (!theirs.has(mode)) {
        theirs.set(mode, [])
        const answer = await peer.ask({ do: 'prepare', config, batch, time, optimizer: 'muon', mode })
        report.note(`${mode}: ${answer.parameters} parameters, first loss ${answer.loss.toFixed(3)}`)
      }
      const { seconds } = await peer.ask({ do: 'sample', iterations: 1 })
      theirs.get(mode)!.push((batch * time) / seconds)
    },
  })
  const peers = new Map([...theirs].map(([mode, values]) => [mode, median(values)]))
  return { info: info!, tokensPerSecond: median(ours), peers, times: clocks!.stop(), timedSeconds }
}

function reportSpeed(report: Report, { info, tokensPerSecond, peers }: Measured): void {
  const row = { value: tokensPerSecond, unit: 'tokens/s' }
  for (const [mode, peerValue] of peers) {
    report.row({
      case: `nano step, against ${mode}`,
      ...row,
      peer: `PyTorch ${mode}`,
      peerValue,
      ratio: tokensPerSecond / peerValue,
    })
  }
  const best = [...peers].sort((a, b) => b[1] - a[1])[0]
  report.row({
    case: 'nano step',
    ...row,
    peer: best ? `PyTorch ${best[0]}` : null,
    peerValue: best ? best[1] : null,
    ratio: best ? tokensPerSecond / best[1] : null,
  })
  const gflops = (tokensPerSecond * info.flopsPerToken) / 1e9
  report.note(`${info.parameters} parameters, ${info.activeParameters} of them meet a token`)
  report.note(
    `model FLOPs a token, forward and backward: ${info.flopsPerToken}; GEMM peak: ${info.peakGflops.toFixed(1)} GFLOP/s`,
  )
  report.row({
    case: 'nano MFU',
    value: gflops,
    unit: 'GFLOP/s',
    peer: 'GEMM peak of this run',
    peerValue: info.peakGflops,
    ratio: gflops / info.peakGflops,
  })
}

/** One row a kernel: milliseconds a step, and its share of the step. */
function reportTimes(report: Report, { times, timedSeconds }: Measured): void {
  const kernelSeconds = times.reduce((sum, { seconds }) => sum + seconds, 0)
  const rest = { name: 'outside kernels', seconds: timedSeconds - kernelSeconds, calls: 0 }
  for (const { name: kernel, seconds, calls } of [...times, rest]) {
    if (seconds / timedSeconds < 0.002 && kernel !== rest.name) continue
    report.row({
      case: `time in ${kernel}${calls ? ` (${Math.round(calls / rounds)} calls)` : ''}`,
      value: (seconds / rounds) * 1000,
      unit: 'ms/step',
      peer: 'whole step',
      peerValue: (timedSeconds / rounds) * 1000,
      ratio: seconds / timedSeconds,
    })
  }
}
