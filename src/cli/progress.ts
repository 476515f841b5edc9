// What a person watches while a model trains: the stages before it, then one line that is redrawn.
//
//   ✓ reading corpus        1,204 files, 21.4 MB                          0.81 s
//   step 312  2.214 bits/byte ▇▆▅▄▃▂▂▁  val 2.301  13,482 tok/s  MFU 41%  balance 0.21  ━━━━╸─── 2:51 left
//
// Without a terminal the same fields come as plain lines: the first and last step, each validation, and one
// every few seconds between them.
import type { EvalMetrics, StepMetrics } from '../train/index.ts'
import { bar, clock, count, decimals, duration, percent, sparkline } from './format.ts'
import { type Terminal, visibleWidth } from './terminal.ts'

/** Milliseconds between two redrawn lines, and between two plain ones. */
const redrawMs = 80
const plainMs = 5_000
/** Loss of a step jumps; the line shows a mean over about this many steps. */
const smoothing = 20

/** A stage under way: `update` shows how far it is, `done` leaves its line standing. */
export interface Stage {
  update(detail: string): void
  done(detail: string): void
}

/** Starts a stage named like "reading corpus". */
export function startStage(terminal: Terminal, name: string): Stage {
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  let drawn = Number.NEGATIVE_INFINITY
  terminal.live(`  ${name} ...`)
  return {
    update(detail) {
      if (performance.now() - drawn < redrawMs) return
      drawn = performance.now()
      const text = `  ${name.padEnd(20)} ${detail}  ${clock(seconds())}`
      terminal.live(text.slice(0, terminal.columns - 1))
    },
    done(detail) {
      const mark = terminal.isTerminal ? `${terminal.paint('green', '✓')} ` : ''
      terminal.line(`${mark}${name.padEnd(20)} ${detail}  ${terminal.paint('dim', duration(seconds()))}`)
    },
  }
}

/** Seconds that are left when `fractionDone` took `secondsElapsed`. */
export function secondsLeft(metrics: Pick<StepMetrics, 'secondsElapsed' | 'fractionDone'>): number {
  const { secondsElapsed, fractionDone } = metrics
  return fractionDone > 0 ? (secondsElapsed * (1 - fractionDone)) / fractionDone : Number.NaN
}

/** What the line shows beside the metrics of the last step. */
export interface Trend {
  /** Loss of the later half of the steps, bits per byte, oldest first: all of them would draw the first drop only. */
  losses: readonly number[]
  /** Smoothed loss, bits per byte. */
  smoothed: number
  valBitsPerByte?: number
}

/** The redrawn line, at most `terminal.columns - 1` wide: what matters least is left out first. */
export function liveLine(terminal: Terminal, metrics: StepMetrics, trend: Trend): string {
  const dim = (text: string) => terminal.paint('dim', text)
  const val = trend.valBitsPerByte === undefined ? '' : `${dim('val')} ${decimals(trend.valBitsPerByte)}`
  // [text, rank]: the highest rank goes first when the line is too long
  const fields: [string, number][] = [
    [`${dim('step')} ${terminal.paint('bold', count(metrics.step))}`, 0],
    [`${terminal.paint('cyan', decimals(trend.smoothed))} ${dim('bits/byte')}`, 0],
    [terminal.paint('cyan', sparkline(trend.losses)), 4],
    [val, 3],
    [`${count(metrics.tokensPerSecond)} ${dim('tok/s')}`, 2],
    [`${dim('MFU')} ${percent(metrics.mfu)}`, 5],
    [`${dim('balance')} ${decimals(metrics.balance, 2)}`, 6],
    [terminal.paint('green', bar(metrics.fractionDone, 12)), 7],
    [`${clock(secondsLeft(metrics))} ${dim('left')}`, 1],
  ]
  let shown = fields.filter(([text]) => text !== '')
  const join = () => `  ${shown.map(([text]) => text).join('  ')}`
  while (shown.length > 2 && visibleWidth(join()) >= terminal.columns) {
    const worst = Math.max(...shown.map(([, rank]) => rank))
    shown = shown.filter(([, rank]) => rank !== worst)
  }
  return join()
}

/** The same as a plain line, for logs. */
export function plainLine(metrics: StepMetrics, trend: Trend): string {
  return [
    `step ${metrics.step}`,
    `${decimals(trend.smoothed)} bits/byte`,
    ...(trend.valBitsPerByte === undefined ? [] : [`val ${decimals(trend.valBitsPerByte)}`]),
    `${count(metrics.tokensPerSecond)} tok/s`,
    `mfu ${percent(metrics.mfu)}`,
    `balance ${decimals(metrics.balance, 2)}`,
    `${clock(secondsLeft(metrics))} left`,
  ].join('  ')
}

/** Callbacks of a training loop that draw its progress. */
export interface Progress {
  step(metrics: StepMetrics): void
  validated(metrics: EvalMetrics): void
  /** Leaves the last state standing. */
  end(): void
}

/** Draws training progress on a terminal, or as plain lines. */
export function openProgress(terminal: Terminal): Progress {
  const losses: number[] = []
  let smoothed = Number.NaN
  let valBitsPerByte: number | undefined
  let last: StepMetrics | undefined
  let drawnAt = Number.NEGATIVE_INFINITY
  let drawnStep = -1
  const trend = (): Trend => ({ losses: losses.slice(losses.length >> 1), smoothed, valBitsPerByte })

  const draw = (metrics: StepMetrics, always: boolean) => {
    const now = performance.now()
    if (!always && now - drawnAt < (terminal.isTerminal ? redrawMs : plainMs)) return
    if (terminal.isTerminal) terminal.live(liveLine(terminal, metrics, trend()))
    else terminal.line(plainLine(metrics, trend()))
    drawnAt = now
    drawnStep = metrics.step
  }
  return {
    step(metrics) {
      const loss = metrics.lossBitsPerByte
      if (Number.isFinite(loss)) {
        losses.push(loss)
        // mean over all steps at first, over about `smoothing` of them later
        const rate = Math.max(1 / losses.length, 1 / smoothing)
        smoothed = Number.isFinite(smoothed) ? smoothed + rate * (loss - smoothed) : loss
      }
      valBitsPerByte = metrics.valBitsPerByte ?? valBitsPerByte
      last = metrics
      // on a terminal the lines that stand are wrapped by it
      for (const { text, advice } of metrics.routingAlerts ?? []) {
        terminal.line(terminal.paint('yellow', `  routing: ${text}; ${advice}`))
      }
      draw(metrics, metrics.valBitsPerByte !== undefined)
    },
    validated(metrics) {
      valBitsPerByte = metrics.valBitsPerByte
      if (last !== undefined && last.step === metrics.step) draw(last, true)
    },
    end() {
      if (last === undefined) return
      if (terminal.isTerminal) terminal.line(liveLine(terminal, last, trend()))
      else if (last.step !== drawnStep) draw(last, true)
    },
  }
}
