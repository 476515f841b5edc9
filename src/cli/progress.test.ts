import { describe, expect, it } from 'vitest'
import type { StepMetrics } from '../train/index.ts'
import { liveLine, openProgress, plainLine, secondsLeft, startStage } from './progress.ts'
import { openTerminal, printable, visibleWidth } from './terminal.ts'

/** A stream that keeps what is written. */
function stream(isTTY: boolean, columns = 200) {
  const written: string[] = []
  return { isTTY, columns, written, write: (text: string) => written.push(text) }
}

function metrics(over: Partial<StepMetrics> = {}): StepMetrics {
  return {
    ...{ step: 312, tokens: 1277952, loss: 4.1, lossBitsPerByte: 2.214, gradNorm: 1, learningRate: 0.01 },
    ...{ matrixLearningRate: 0.02, tokensPerSecond: 13482.4, mfu: 0.412, balance: 0.214, balancePerLayer: [0.2] },
    ...{ balanceLoss: 1, routerZLoss: 1, skipped: false, secondsElapsed: 100, fractionDone: 0.4 },
    ...{ expertTokens: [[1, 1]] },
    ...over,
  }
}

const trend = { losses: [5, 4, 3, 2.2], smoothed: 2.2141, valBitsPerByte: 2.301 }

describe('the progress line', () => {
  it('shows every figure on a wide terminal', () => {
    const line = liveLine(openTerminal(stream(true), { NO_COLOR: '1' }), metrics(), trend)
    expect(line).toBe(
      '  step 312  2.214 bits/byte  █▆▃▁  val 2.301  13,482 tok/s  MFU 41%  balance 0.21  ━━━━━───────  2:30 left',
    )
  })

  it.each([120, 100, 80, 60, 40, 30])('stays on one line of %d columns', (columns) => {
    const line = liveLine(openTerminal(stream(true, columns), {}), metrics(), trend)
    expect(visibleWidth(line)).toBeLessThan(columns)
    expect(line).toContain('2.214')
  })

  it('keeps the time left longer than the rest', () => {
    const line = liveLine(openTerminal(stream(true, 52), { NO_COLOR: '1' }), metrics(), trend)
    expect(line).toBe('  step 312  2.214 bits/byte  2:30 left')
  })

  it('paints on a terminal only, and not when NO_COLOR is set', () => {
    const colour = /\x1b\[\d+m/
    expect(liveLine(openTerminal(stream(true), {}), metrics(), trend)).toMatch(colour)
    expect(liveLine(openTerminal(stream(true), { NO_COLOR: '1' }), metrics(), trend)).not.toMatch(colour)
    expect(liveLine(openTerminal(stream(false), {}), metrics(), trend)).not.toMatch(colour)
  })

  it('shows a dash for what was not measured', () => {
    const line = plainLine(metrics({ mfu: Number.NaN, fractionDone: 0 }), trend)
    expect(line).toBe('step 312  2.214 bits/byte  val 2.301  13,482 tok/s  mfu –  balance 0.21  –:–– left')
  })

  it('reckons the time left from the share that is done', () => {
    expect(secondsLeft({ secondsElapsed: 100, fractionDone: 0.4 })).toBeCloseTo(150)
    expect(secondsLeft({ secondsElapsed: 100, fractionDone: 1 })).toBe(0)
  })
})

describe('openProgress', () => {
  it('prints plain lines for the first step, validations and the last step when no terminal is there', () => {
    const out = stream(false)
    const progress = openProgress(openTerminal(out))
    for (let step = 1; step <= 9; step++) {
      progress.step(metrics({ step, valBitsPerByte: step === 5 ? 2.5 : undefined }))
    }
    progress.validated({ step: 9, valBitsPerByte: 2.4, valLoss: 4, secondsElapsed: 100 })
    progress.end()
    expect(out.written.map((line) => line.slice(0, 6))).toEqual(['step 1', 'step 5', 'step 9'])
    expect(out.written[2]).toContain('val 2.400')
    expect(out.written.every((line) => line.endsWith('\n'))).toBe(true)
  })

  it('redraws one line on a terminal and leaves the last state standing', () => {
    const out = stream(true)
    const progress = openProgress(openTerminal(out))
    progress.step(metrics({ step: 1, lossBitsPerByte: 8 }))
    progress.step(metrics({ step: 2, lossBitsPerByte: 6 }))
    progress.end()
    const text = out.written.join('')
    expect(text.startsWith('\r\x1b[2K')).toBe(true)
    expect(text.match(/\n/g)).toHaveLength(1)
    expect(text).toContain('7.000')
  })

  it('leaves a line for each trouble of routing, with what would help', () => {
    const out = stream(false)
    const progress = openProgress(openTerminal(out))
    const alert = { trouble: 'dead' as const, layer: 2, step: 2, value: 3 }
    const routingAlerts = [{ ...alert, text: 'layer 2: 3 of 16 experts are idle', advice: 'raise --routing aux=0.1' }]
    progress.step(metrics({ step: 1 }))
    progress.step(metrics({ step: 2, routingAlerts }))
    progress.step(metrics({ step: 3 }))
    expect(out.written[1]).toBe('  routing: layer 2: 3 of 16 experts are idle; raise --routing aux=0.1\n')
    expect(out.written).toHaveLength(2)
  })

  it('is not thrown off by a loss that is not a number', () => {
    const out = stream(false)
    const progress = openProgress(openTerminal(out))
    progress.step(metrics({ step: 1, lossBitsPerByte: Number.NaN }))
    progress.step(metrics({ step: 2, lossBitsPerByte: 3 }))
    progress.end()
    expect(out.written.at(-1)).toContain('3.000 bits/byte')
  })
})

describe('stages', () => {
  it('leave one line with what was counted', () => {
    const out = stream(false)
    const stage = startStage(openTerminal(out), 'reading corpus')
    stage.update('17 files')
    stage.done('1,204 files, 21.4 MB')
    expect(out.written).toHaveLength(1)
    expect(out.written[0]).toMatch(/^reading corpus {7}1,204 files, 21\.4 MB {2}\d/)
  })
})

describe('printable', () => {
  it('takes the power of control characters away and keeps the text', () => {
    expect(printable('a\tb\nc\x1b[2Jd\x07\x9b\x7f ä€😀')).toBe('a\tb\nc␛[2Jd␇�␡ ä€😀')
  })
})
