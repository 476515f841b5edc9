import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StepMetrics } from '../train/index.ts'
import { appendMetrics, readMetrics, truncateMetrics } from './metricsLog.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  path = join(folder, 'metrics.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true }))

const step = (n: number) => ({ step: n, lossBitsPerByte: 3 - n / 10, mfu: Number.NaN }) as StepMetrics

describe('metrics.jsonl', () => {
  it('holds a line a step and reads back', () => {
    for (const n of [1, 2, 3]) appendMetrics(path, step(n))
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4)
    expect(readMetrics(path).map((s) => [s.step, s.lossBitsPerByte, s.mfu])).toEqual([
      [1, 2.9, null],
      [2, 2.8, null],
      [3, 2.7, null],
    ])
  })

  it('is cut back to the step that is resumed from, byte for byte', () => {
    appendMetrics(path, step(1))
    appendMetrics(path, step(2))
    const before = readFileSync(path, 'utf8')
    appendMetrics(path, step(3))
    truncateMetrics(path, 2)
    expect(readFileSync(path, 'utf8')).toBe(before)
    truncateMetrics(path, 0)
    expect(readFileSync(path, 'utf8')).toBe('')
  })

  it('loses a line that was cut off in writing, and no other', () => {
    appendMetrics(path, step(1))
    appendFileSync(path, '{"step":2,"lossBi')
    expect(readMetrics(path).map((s) => s.step)).toEqual([1])
    truncateMetrics(path, 5)
    appendMetrics(path, step(2))
    expect(readMetrics(path).map((s) => s.step)).toEqual([1, 2])
  })

  it('may be absent', () => {
    truncateMetrics(path, 1)
    expect(readMetrics(path)).toEqual([])
  })
})
