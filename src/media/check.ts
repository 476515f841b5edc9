// Questions every function here asks of media it is given: do the measures and the arrays agree?
import { PolluxError } from '../util/index.ts'
import type { Picture, Sound } from './types.ts'

/** Throws unless the picture has at least one pixel and exactly the bytes of its size. */
export function checkPicture(op: string, { width, height, data }: Picture): void {
  const sized = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0
  if (!sized) throw new PolluxError(`${op}: a picture must have at least one pixel, got ${width}x${height}`)
  if (data.length !== width * height * 3)
    throw new PolluxError(
      `${op}: a ${width}x${height} picture must have ${width * height * 3} bytes, got ${data.length}`,
    )
}

/** Throws unless the rate of a sound is one: a whole number from 1 to 1 MHz. */
export function checkSound(op: string, { rate }: Sound): void {
  if (!Number.isSafeInteger(rate) || rate < 1 || rate > 1_000_000)
    throw new PolluxError(`${op}: the rate of a sound must be a whole number of Hz from 1 to 1000000, got ${rate}`)
}
