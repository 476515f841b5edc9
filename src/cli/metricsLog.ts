// metrics.jsonl: one object a step, appended as training goes.
//
// A resumed run begins by cutting the file back to the step it resumes from, so the file of an interrupted run
// ends up line for line that of an uninterrupted one (times and rates aside). A line that was cut off by a
// crash or a full disk is dropped at the same moment.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { StepMetrics } from '../train/index.ts'
import { jsonLine } from './json.ts'
import { writeAside } from './runFolder.ts'

/** All whole lines of a metrics file, in order; [] when there is none. */
export function readMetrics(path: string): StepMetrics[] {
  if (!existsSync(path)) return []
  const steps: StepMetrics[] = []
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const step = parseStep(line)
    if (step !== undefined) steps.push(step)
  }
  return steps
}

/** Keeps the lines up to and including `step`. */
export function truncateMetrics(path: string, step: number): void {
  if (!existsSync(path)) return
  const kept = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => (parseStep(line)?.step ?? Number.POSITIVE_INFINITY) <= step)
  writeAside(path, kept.map((line) => `${line}\n`).join(''))
}

/** Adds the line of a step. */
export function appendMetrics(path: string, metrics: StepMetrics): void {
  appendFileSync(path, `${jsonLine({ ...metrics })}\n`)
}

function parseStep(line: string): StepMetrics | undefined {
  if (line === '') return undefined
  try {
    const value = JSON.parse(line) as StepMetrics
    return typeof value.step === 'number' ? value : undefined
  } catch {
    return undefined
  }
}
