// Pictures as rows of numbers and back: a picture is cut into square patches, left to right and top to bottom, and each
// becomes one row (Dosovitskiy et al. 2020). Nothing is lost: unpatchify(patchify(x)) is x.
import { PolluxError } from '../util/index.ts'
import { checkPicture } from './check.ts'
import type { Picture } from './types.ts'

/** A picture cut up. N = columns * rows patches of p x p pixels. */
export interface Patches {
  /** [N, p*p*3] in order row, column, channel; values in [0, 1]. */
  patches: Float32Array
  /** [N, 2]: x (column) and y (row) of each patch. */
  positions: Int32Array
  columns: number
  rows: number
}

/** Cuts a picture whose sides are multiples of `patchSize`; anything else is an error. */
export function patchify(picture: Picture, patchSize: number): Patches {
  checkPicture('patchify', picture)
  const { width, height, data } = picture
  if (!Number.isSafeInteger(patchSize) || patchSize < 1)
    throw new PolluxError(`patchify: patchSize must be a whole number above 0, got ${patchSize}`)
  if (width % patchSize !== 0 || height % patchSize !== 0)
    throw new PolluxError(`patchify: sides must be multiples of ${patchSize}, got ${width}x${height}`, {
      hint: 'resize it first: resizePicture(picture, ...) with the size that fitToBudget gives',
    })
  const columns = width / patchSize
  const rows = height / patchSize
  const dim = patchSize * patchSize * 3
  const patches = new Float32Array(columns * rows * dim)
  const positions = new Int32Array(columns * rows * 2)
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const n = y * columns + x
      positions[2 * n] = x
      positions[2 * n + 1] = y
      let at = n * dim
      for (let row = 0; row < patchSize; row++) {
        let from = ((y * patchSize + row) * width + x * patchSize) * 3
        for (let i = 0; i < patchSize * 3; i++) patches[at++] = data[from++] / 255
      }
    }
  }
  return { patches, positions, columns, rows }
}

/**
 * The picture of `columns` x `rows` patches ([columns*rows, p*p*3], as patchify orders them). Values below 0 or above 1 are
 * clamped, NaN becomes 0: patches may come from a model.
 */
export function unpatchify(patches: Float32Array, columns: number, rows: number, patchSize: number): Picture {
  for (const [name, value] of Object.entries({ columns, rows, patchSize })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new PolluxError(`unpatchify: ${name} must be a whole number above 0, got ${value}`)
  }
  const dim = patchSize * patchSize * 3
  if (patches.length !== columns * rows * dim)
    throw new PolluxError(
      `unpatchify: ${columns}x${rows} patches of ${patchSize}x${patchSize} must be ${columns * rows * dim} values, got ${patches.length}`,
    )
  const width = columns * patchSize
  // a clamped array rounds and clamps what is stored into it
  const data = new Uint8ClampedArray(patches.length)
  for (let n = 0; n < columns * rows; n++) {
    const left = (n % columns) * patchSize
    const top = Math.floor(n / columns) * patchSize
    let from = n * dim
    for (let row = 0; row < patchSize; row++) {
      let at = ((top + row) * width + left) * 3
      for (let i = 0; i < patchSize * 3; i++) data[at++] = patches[from++] * 255
    }
  }
  return { width, height: rows * patchSize, data: new Uint8Array(data.buffer) }
}
