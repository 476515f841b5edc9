// How any failure is shown: message, hint, exit code. Stacks only with POLLUX_DEBUG=1.
import { PolluxError } from '../util/index.ts'
import { printable } from './terminal.ts'
import { exitCodes, UsageError } from './usage.ts'

/** Codes of the system that mean: no more room for this file. */
const noRoom = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** A failure as a person reads it. */
export interface Shown {
  message: string
  hint?: string
  exitCode: number
}

/** What to print for whatever was thrown. */
export function describeError(error: unknown): Shown {
  const exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failure
  const text = error instanceof Error ? error.message : String(error)
  // some layers write the hint as the second line of the message
  const [message, written] = text.split('\nhint: ', 2)
  const own = error instanceof PolluxError ? error.hint : undefined
  const hint = own ?? written ?? (isForeseen(error) ? undefined : 'POLLUX_DEBUG=1 shows where this happened')
  return { message, hint, exitCode }
}

/** Prints a failure on stderr, harmless to the terminal whatever file names it holds; returns the exit code. */
export function printError(error: unknown): number {
  const { message, hint, exitCode } = describeError(error)
  process.stderr.write(printable(`pollux: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`))
  if (process.env.POLLUX_DEBUG === '1' && error instanceof Error) process.stderr.write(`${debugText(error)}\n`)
  return exitCode
}

/** The system's code for "disk full", anywhere among the causes; undefined when that was not it. */
export function fullDiskCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { code } = e as NodeJS.ErrnoException
    if (code !== undefined && noRoom.has(code)) return code
  }
  return undefined
}

/** Errors that lower layers throw on purpose; anything else may be a fault of ours. */
function isForeseen(error: unknown): boolean {
  return (
    error instanceof PolluxError || (error instanceof Error && error.name !== 'Error' && /^\w+: /.test(error.message))
  )
}

function debugText(error: Error): string {
  const lines = [error.stack ?? String(error)]
  for (let e = error.cause; e instanceof Error; e = e.cause) lines.push(`caused by ${e.stack ?? e}`)
  return lines.join('\n')
}
