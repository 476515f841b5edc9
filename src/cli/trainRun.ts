// Runs a plan: stages, training with its progress line, then sample, summary and report.
//
// Everything a run leaves behind is written here or by train/: run.json and metrics.jsonl as it goes, the
// checkpoint by the loop, the report at the end. Nothing is on disk before the first step is about to begin.
import { join } from 'node:path'
import { writeProvenance } from '../data/index.ts'
import { type StartInfo, type StepMetrics, type Summary, trainModel } from '../train/index.ts'
import { PolluxError } from '../util/index.ts'
import { fullDiskCode } from './errors.ts'
import { bytes, count, decimals, duration, percent, short } from './format.ts'
import { type Interrupt, listenForInterrupt } from './interrupt.ts'
import { keepCheckpoint } from './keptCheckpoints.ts'
import { printJson } from './json.ts'
import { appendMetrics, truncateMetrics } from './metricsLog.ts'
import { longOptions } from './prepareLong.ts'
import { documentCount, type Prepared, prepareRun } from './prepareRun.ts'
import { openProgress, startStage } from './progress.ts'
import { runPaths, writeRun } from './runFolder.ts'
import { writeReport } from './runReport.ts'
import { openTerminal, printable, silentTerminal, type Terminal } from './terminal.ts'
import { loadWriter, write } from './textSample.ts'
import { evalCommand, resumeCommand, sampleCommand, type TrainFlags, type TrainPlan } from './trainPlan.ts'

/** Minutes between saves when --checkpoint-every is not given. */
const checkpointMinutes = 2
/** Tokens of the sample at the end, and characters of its prompt at most. */
const sampleTokens = 120
const promptLength = 80

/** A run under way: the plan, where to print, and what was saved last. */
interface Session {
  plan: TrainPlan
  flags: TrainFlags
  terminal: Terminal
  prepared: Prepared
  savedStep?: number
}

/** Trains as planned. Returns the exit code: 0, or that of the signal that stopped it. */
export async function runTraining(plan: TrainPlan, flags: TrainFlags): Promise<number> {
  const terminal = terminalFor(flags)
  const prepared = await prepareRun(plan, terminal)
  const session: Session = { plan, flags, terminal, prepared }
  const { config } = prepared
  if (('text_config' in config ? config.text_config : config).routing.choice === 'expert') {
    const notice = 'experts choose their tokens in training only; validated and sampled, each token chooses its experts'
    terminal.line(terminal.paint('yellow', `  ${notice}`))
  }
  try {
    const { summary, exitCode } = await trainUntilSignal(session)
    await finish(session, summary)
    return exitCode
  } catch (error) {
    throw fullDiskCode(error) === undefined ? error : fullDisk(session, error)
  }
}

/** People watch stdout; with --json that is for objects, and people who watch a terminal get stderr. */
function terminalFor({ quiet, json }: TrainFlags): Terminal {
  if (quiet) return silentTerminal()
  if (!json) return openTerminal(process.stdout)
  return process.stderr.isTTY ? openTerminal(process.stderr) : silentTerminal()
}

/** Listens only while there is something to save: during what follows, Ctrl-C may quit. */
async function trainUntilSignal(session: Session): Promise<{ summary: Summary; exitCode: number }> {
  using interrupt = listenForInterrupt((name) => announceStop(session, name))
  const summary = await train(session, interrupt)
  return { summary, exitCode: summary.stopped ? interrupt.exitCode : 0 }
}

async function train(session: Session, { signal }: Interrupt): Promise<Summary> {
  const { plan, flags, terminal, prepared } = session
  const { run, preset } = plan
  const { request } = run.record
  const paths = runPaths(run.folder)
  const progress = openProgress(terminal)
  const stage = startStage(terminal, 'preparing model')
  const summary = await trainModel({
    config: prepared.config,
    initial: prepared.initial,
    training: {
      horizon: request.horizon,
      batch: request.batch,
      time: request.context,
      accumulation: preset.accumulation,
      optimizer: request.optimizer,
      learningRate: request.learningRate,
      matrixLearningRate: request.matrixLearningRate,
      compute: request.compute,
      seed: request.seed,
      evalEvery: evalEvery(request.horizon),
      checkpointEvery: request.checkpointEvery,
      checkpointMinutes: request.checkpointEvery > 0 ? 0 : checkpointMinutes,
      routingRecord: flags.routingRecord,
      ...(request.lengthen ? longOptions(request) : {}),
    },
    loader: prepared.loader,
    validation: prepared.validation,
    tokenizer: prepared.tokenizer,
    saveBeside: prepared.saveBeside,
    runFolder: run.folder,
    resume: plan.resume,
    signal,
    onStart(info) {
      writeRun(run)
      const { split, streams } = prepared
      if (split && streams) {
        writeProvenance(paths.provenance, split, { train: streams.train, validation: streams.heldOut })
      }
      truncateMetrics(paths.metrics, info.resumedFromStep)
      if (plan.resume) session.savedStep = info.resumedFromStep
      stage.done(describeStart(info))
    },
    onStep(metrics) {
      appendMetrics(paths.metrics, metrics)
      progress.step(metrics)
      if (!flags.json) return
      printJson(stepEvent(metrics))
      for (const alert of metrics.routingAlerts ?? []) printJson({ event: 'alert', ...alert })
    },
    onEval: (metrics) => progress.validated(metrics),
    async onCheckpoint(folder, step) {
      session.savedStep = step
      if (request.keepCheckpoints) await keepCheckpoint(folder, join(paths.kept, `step-${step}`))
    },
  })
  progress.end()
  return summary
}

/** Ten validations in a run of known length; with a clock, every 50 steps (about 5% of the time at nano's size). */
function evalEvery(horizon: TrainPlan['run']['record']['request']['horizon']): number {
  return 'steps' in horizon ? Math.max(1, Math.ceil(horizon.steps / 10)) : 50
}

function describeStart(info: StartInfo): string {
  const from = info.resumedFromStep > 0 ? `, going on from step ${count(info.resumedFromStep)}` : ''
  return (
    `${short(info.parameters)} parameters, ${short(info.activeParameters)} active; ` +
    `${info.isa}, ${info.threads} threads, peak ${short(info.peakGflops * 1e9)}FLOP/s${from}`
  )
}

function stepEvent(metrics: StepMetrics): Record<string, unknown> {
  const { step, tokens, lossBitsPerByte, valBitsPerByte = null, tokensPerSecond, mfu, ...rest } = metrics
  const { gradNorm, learningRate, balance, secondsElapsed, fractionDone } = rest
  return {
    ...{ event: 'step', step, tokens, lossBitsPerByte, valBitsPerByte, tokensPerSecond, mfu },
    ...{ gradNorm, learningRate, balance, secondsElapsed, fractionDone },
  }
}

async function finish(session: Session, summary: Summary): Promise<void> {
  const { plan, flags, terminal, prepared } = session
  const { run } = plan
  const { step, tokens, seconds, lossBitsPerByte, valBitsPerByte, tokensPerSecond, mfu, balance, stopped } = summary
  const outcome = { step, tokens, seconds, lossBitsPerByte, valBitsPerByte, tokensPerSecond, stopped }
  run.record.outcome = { ...outcome, parameters: summary.parameters }
  writeRun(run)
  // who pressed Ctrl-C wants to leave: no sample then
  const sample = stopped || prepared.split === null ? undefined : await drawSample(session)
  const { config, corpus } = prepared
  const report = writeReport({ run, out: flags.out, config, corpus, summary, sample })
  if (flags.json) {
    const { checkpoint } = summary
    printJson({
      event: 'done',
      run: run.name,
      ...outcome,
      mfu,
      balance,
      checkpoint,
      report,
      sample: sample?.text ?? null,
    })
  }
  printSummary(session, summary, report)
  if (sample !== undefined && terminal.isTerminal) terminal.line()
}

/** A continuation of held-out text, shown as it is written. */
async function drawSample({ plan, prepared, terminal }: Session): Promise<{ prompt: string; text: string }> {
  const prompt = samplePrompt(prepared)
  const writer = loadWriter(runPaths(plan.run.folder).checkpoint)
  terminal.line()
  terminal.write(`  ${terminal.paint('bold', printable(prompt))}`)
  let text = ''
  for await (const piece of write(writer, { prompt, tokens: sampleTokens, temperature: 0.8, topK: 50, seed: 0 })) {
    text += piece.text
    terminal.write(printable(piece.text).replaceAll('\n', '\n  '))
  }
  terminal.line()
  return { prompt, text }
}

/** The first line of held-out text (of the training text, if none is held out) that says something. */
function samplePrompt({ split }: Prepared): string {
  if (split === null) return ''
  const pieces = split.validation.length > 0 ? split.validation : split.train
  for (const { text } of pieces.slice(0, 50)) {
    const line = text
      .slice(0, 4000)
      .split('\n')
      .find((candidate) => candidate.trim().length >= 20)
    if (line !== undefined) return line.trim().slice(0, promptLength)
  }
  return ''
}

function printSummary({ plan, flags, terminal, prepared }: Session, summary: Summary, report: string): void {
  const { run } = plan
  const fact = (name: string, value: string) => terminal.line(`  ${terminal.paint('dim', name.padEnd(12))} ${value}`)
  const val = summary.valBitsPerByte
  terminal.line()
  fact('run', terminal.paint('bold', run.name) + (summary.stopped ? '  (stopped and saved)' : ''))
  if (val !== undefined) fact('validation', `${terminal.paint('cyan', decimals(val))} bits per byte`)
  fact('loss', `${decimals(summary.lossBitsPerByte)} bits per byte`)
  fact('trained', `${count(summary.step)} steps, ${short(summary.tokens)} tokens in ${duration(summary.seconds)}`)
  fact('speed', `${count(summary.tokensPerSecond)} tokens/s, MFU ${percent(summary.mfu)}`)
  const { corpus } = prepared
  fact('corpus', corpus === null ? 'the generated world' : `${documentCount(corpus)}, ${bytes(corpus.bytes)}`)
  for (const { path, reason } of corpus?.ledger.rejected.slice(0, 5) ?? []) {
    terminal.line(terminal.paint('yellow', `  left out     ${printable(`${path}: ${reason}`)}`))
  }
  fact('model', summary.checkpoint ?? runPaths(run.folder).checkpoint)
  fact('report', report)
  terminal.line()
  if (summary.stopped) fact('go on', resumeCommand(run, flags.out))
  if (corpus === null) fact('next', evalCommand(run, flags.out))
  else if (prepared.split !== null)
    fact('next', sampleCommand(run, flags.out, run.record.request.data.length === 0 ? 'import ' : 'The '))
}

function announceStop({ terminal, flags }: Session, name: string): void {
  if (flags.quiet || flags.json) return
  const text = `${name === 'SIGINT' ? 'Ctrl-C' : name}: finishing the step and saving; once more quits at once`
  terminal.line(terminal.paint('yellow', text))
}

function fullDisk({ plan, flags, savedStep }: Session, cause: unknown): PolluxError {
  const { run } = plan
  const code = fullDiskCode(cause)
  const { checkpoint } = runPaths(run.folder)
  const safe = savedStep === undefined ? 'nothing was saved before' : `${checkpoint} is whole as of step ${savedStep}`
  const again = resumeCommand(run, flags.out)
  return new PolluxError(`train: the disk must have room to save, got ${code}; ${safe}`, {
    hint: savedStep === undefined ? `make room, then ${again} starts it again` : `make room, then ${again}`,
    cause,
  })
}
