// What a measured number depends on: processor, instruction set, threads, versions, commit, load.
import { execFileSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { kernels } from '../src/native/index.ts'

export interface Machine {
  cpu: string
  cores: number
  isa: string
  threads: number
  node: string
  /** Date and time of the run, ISO 8601. */
  date: string
  /** Short commit, with + behind it when files differ from it. */
  commit: string
  /** Mean number of runnable processes over the last minute, before the bench. */
  load: number
}

/** Describes the machine as it is now. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    isa: kernels.isa,
    threads: kernels.threads,
    node: process.version,
    date: new Date().toISOString(),
    commit: commit(),
    load: Math.round(loadavg()[0] * 100) / 100,
  }
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      encoding: 'utf8',
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no', ':/') ? '+' : '')
  } catch {
    return 'unknown'
  }
}
