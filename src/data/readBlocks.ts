// Files of any size, read a piece at a time: blocks of text that end at a line, and single lines.
import { closeSync, openSync, readSync } from 'node:fs'

const newline = 10
const chunkBytes = 2 ** 20

/** Longer text files become several documents of about this size. */
export const blockBytes = 8 * 2 ** 20

/** Longer lines of a .jsonl file are not read: a document of this size is a mistake. */
export const lineBytes = 32 * 2 ** 20

/** Cuts a file into blocks of at most `size` bytes that end after a line, or at least after a character. */
export function* readBlocks(path: string, size: number = blockBytes): Generator<Buffer> {
  const file = openSync(path, 'r')
  try {
    let carried = Buffer.alloc(0)
    for (;;) {
      const block = Buffer.allocUnsafe(size)
      carried.copy(block)
      const filled = carried.length + fill(file, block.subarray(carried.length))
      if (filled === 0) return
      const end = filled < size ? filled : cutBefore(block)
      yield block.subarray(0, end)
      carried = block.subarray(end, filled)
      if (filled < size) return
    }
  } finally {
    closeSync(file)
  }
}

function fill(file: number, buffer: Buffer): number {
  let filled = 0
  while (filled < buffer.length) {
    const got = readSync(file, buffer, filled, buffer.length - filled, null)
    if (got === 0) break
    filled += got
  }
  return filled
}

/** End of the last whole line of a full block; without one, of the last whole UTF-8 character. */
function cutBefore(block: Buffer): number {
  const line = block.lastIndexOf(newline)
  if (line > 0) return line + 1
  let end = block.length
  for (let back = 1; back <= 4 && back < block.length; back++) {
    const byte = block[block.length - back]
    if ((byte & 0xc0) !== 0x80) {
      end = byte >= 0xc0 ? block.length - back : block.length
      break
    }
  }
  return end
}

/** A line without its line end; `bytes` is null when it is longer than the limit. */
export interface Line {
  /** From 1. */
  number: number
  bytes: Buffer | null
}

/** Lines of a file, cut at LF only: JSON strings may hold other line ends (U+2028). */
export function* readLines(path: string, limit: number = lineBytes): Generator<Line> {
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes)
    let pieces: Buffer[] = []
    let held = 0
    let number = 1
    const take = (): Line => {
      const bytes = held > limit ? null : pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
      pieces = []
      held = 0
      return { number: number++, bytes }
    }
    const keep = (piece: Buffer): void => {
      held += piece.length
      // Over the limit only the count goes on, so a file without line ends costs no memory.
      if (held <= limit) pieces.push(Buffer.from(piece))
    }
    for (;;) {
      const filled = readSync(file, chunk, 0, chunkBytes, null)
      if (filled === 0) break
      let start = 0
      for (let end = chunk.indexOf(newline); end >= 0 && end < filled; end = chunk.indexOf(newline, start)) {
        keep(chunk.subarray(start, end))
        yield take()
        start = end + 1
      }
      keep(chunk.subarray(start, filled))
    }
    if (held > 0) yield take()
  } finally {
    closeSync(file)
  }
}
