// Runs `pollux lengthen`: a chain of stages, each an ordinary run that begins with the weights of the one before.
import { join, resolve } from 'node:path'
import { isMultimodalConfig } from '../model/index.ts'
import { PolluxError } from '../util/index.ts'
import { checkpointOf } from './evalRun.ts'
import { count } from './format.ts'
import type { LengthenFlags } from './lengthen.ts'
import { defaultOut, findRun, isTaken, readJsonFile, readRun, type Run, type RunRequest } from './runFolder.ts'
import { openTerminal, silentTerminal } from './terminal.ts'
import { planTraining, type TrainFlags, type TrainPlan, presetOf } from './trainPlan.ts'
import { runTraining } from './trainRun.ts'
import { UsageError } from './usage.ts'
import { version } from './version.ts'

const defaultMinutes = 5

/** Trains the stages. Returns the exit code: 0, or that of the signal that stopped one. */
export async function runLengthen(flags: LengthenFlags): Promise<number> {
  checkFlags(flags)
  const terminal = flags.quiet || flags.json ? silentTerminal() : openTerminal(process.stdout)
  const base = findRun(flags.out, flags.run)
  refuseMedia(base, flags.out)
  let before = base
  for (const [stage, context] of flags.context.entries()) {
    const name = `${base.name}-${contextName(context)}`
    const plan = planStage(flags, { before, stage, context, name })
    terminal.line(
      terminal.paint(
        'bold',
        `${name}: ${count(context)} tokens, ${plan === null ? 'complete' : `from ${before.name}`}`,
      ),
    )
    if (plan !== null) {
      const exitCode = await runTraining(plan, { ...flags, minutes: undefined, steps: undefined, context: undefined })
      if (exitCode !== 0) return exitCode
      terminal.line()
    }
    before = findRun(flags.out, name)
  }
  const out = flags.out === defaultOut ? '' : ` --out ${flags.out}`
  terminal.line(`  ${terminal.paint('dim', 'next'.padEnd(12))} npx pollux needles --run ${before.name}${out}`)
  return 0
}

/** 4096 -> 4k, 5000 -> 5000. */
function contextName(context: number): string {
  return context % 1024 === 0 ? `${context / 1024}k` : String(context)
}

function checkFlags({ context, minutes, steps, needles, twice }: LengthenFlags): void {
  for (let i = 1; i < context.length; i++) {
    if (context[i] <= context[i - 1]) {
      throw new UsageError(`--context: must grow from stage to stage, got ${context.join(',')}`)
    }
  }
  for (const [flag, values] of Object.entries({ '--minutes': minutes, '--steps': steps })) {
    if (values !== undefined && values.length !== 1 && values.length !== context.length) {
      throw new UsageError(
        `${flag}: must be one number, or one for each of ${context.length} stages, got ${values.join(',')}`,
      )
    }
  }
  if (needles + twice > 1) {
    throw new UsageError(`--needles and --twice: must be at most 1 together, got ${needles} and ${twice}`)
  }
}

function refuseMedia(run: Run, out: string): void {
  if (!isMultimodalConfig(readJsonFile(join(checkpointOf(run, out), 'config.json')))) return
  throw new PolluxError(`lengthen: run must be one of text alone, got "${run.name}", which reads pictures or sound`, {
    hint: 'npx pollux train makes one',
  })
}

interface Stage {
  before: Run
  stage: number
  context: number
  name: string
}

/** The plan of a stage: fresh, or the rest of one that was stopped; null when it is complete. */
function planStage(flags: LengthenFlags, { before, stage, context, name }: Stage): TrainPlan | null {
  const folder = join(flags.out, name)
  const found = readRun(folder)
  if (found !== undefined) {
    const { lengthen, context: had } = found.record.request
    if (lengthen?.run !== before.name || had !== context) {
      throw new PolluxError(
        `lengthen: ${folder} must be the stage of ${context} tokens after ${before.name}, got another run`,
        {
          hint: `move it away, or give --out another folder`,
        },
      )
    }
    if (found.record.outcome?.stopped === false) return null
    const resumed: TrainFlags = { out: flags.out, run: name, resume: true }
    return planTraining(resumed)
  }
  if (isTaken(folder)) throw new PolluxError(`lengthen: ${folder} must not exist, got a folder that is no run`)
  const request = stageRequest(flags, { before, stage, context })
  const record = { pollux: version, name, createdAt: new Date().toISOString(), request }
  return { run: { name, folder, record }, preset: presetOf(request), resume: false }
}

function stageRequest(flags: LengthenFlags, { before, stage, context }: Omit<Stage, 'name'>): RunRequest {
  const had = before.record.request
  if (context <= had.context) {
    throw new UsageError(
      `--context: must be above ${had.context}, the tokens that run "${before.name}" reads, got ${context}`,
    )
  }
  const tokens = flags.tokens ?? had.batch * had.context
  const pick = (values: number[] | undefined): number | undefined => values?.[values.length === 1 ? 0 : stage]
  const steps = pick(flags.steps)
  const factor = flags.lr === undefined ? 1 : flags.lr / had.matrixLearningRate
  const isMuon = had.optimizer !== 'adamw'
  return {
    ...had,
    ...(flags.data === undefined ? {} : { data: flags.data.map((path) => resolve(path)), dataRoot: undefined }),
    seed: flags.seed ?? had.seed,
    context,
    batch: Math.max(1, Math.round(tokens / context)),
    horizon: steps === undefined ? { minutes: pick(flags.minutes) ?? defaultMinutes } : { steps },
    learningRate: isMuon ? had.learningRate * factor : (flags.lr ?? had.learningRate),
    matrixLearningRate: isMuon ? had.matrixLearningRate * factor : had.matrixLearningRate,
    checkpointEvery: 0,
    lengthen: {
      run: before.name,
      checkpoint: resolve(checkpointOf(before, flags.out)),
      ...(flags.ropeFactor === undefined ? {} : { ropeFactor: flags.ropeFactor }),
      ...(flags.ropeTheta === undefined ? {} : { ropeTheta: flags.ropeTheta }),
      shares: { text: 1 - flags.needles - flags.twice, needles: flags.needles, twice: flags.twice },
    },
  }
}
