// The check that a flat array is whole rows.
import { PolluxError } from '../../util/index.ts'

/** Number of rows of `width` in `length` values. @throws PolluxError when it is no whole number */
export function countRows(op: string, name: string, length: number, width: number): number {
  if (length % width !== 0)
    throw new PolluxError(`${op}: ${name} must be rows of ${width} values, got ${length} values`)
  return length / width
}
