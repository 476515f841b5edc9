// Objects, one a line, for programs that read this one (--json).
//
// Numbers that JSON cannot hold (NaN, infinities) become null. Writing is synchronous, so a line is out before
// the next step begins. When the reader goes away (`| head`) the rest is dropped and the work goes on to its save.
import { writeSync } from 'node:fs'

/** One JSON line without its line end. */
export function jsonLine(value: Record<string, unknown>): string {
  return JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'number' && !Number.isFinite(field) ? null : field,
  )
}

/** Writes one JSON line on stdout. */
export function printJson(value: Record<string, unknown>): void {
  writeFully(1, `${jsonLine(value)}\n`)
}

let readerIsGone = false

/** Writes all of a text, also where the descriptor is a full pipe in non-blocking mode. */
function writeFully(descriptor: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0 && !readerIsGone) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest))
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EPIPE') readerIsGone = true
      else if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      else throw error
    }
  }
}
