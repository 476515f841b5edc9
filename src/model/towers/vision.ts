// The vision tower of Gemma 4's E models and of 26B and 31B: patches of 16 pixels in, soft tokens of 3 x 3 patches out.
//
//   h0  = W_in (2 patch - 1) + P_x[x] + P_y[y]
//   h   = Layer_L(... Layer_1(h0))                       visionLayer.ts; all patches of a picture see each other
//   out = mean of k x k patches of h, times sqrt(D)      then (out - std_bias) * std_scale where `standardize`
//
// It is frozen and runs in f32: Pollux reads it from checkpoints and trains only what comes after it. Pictures of any
// number and sizes are one sequence, in which attention stays inside each picture.
// transformers models/gemma4. Shapes: N patches of all pictures, P patch width, D tower width, S soft tokens.
import { constantWeight, matrixWeight, positionsWeight, type Weight } from '../../nn/index.ts'
import { addGridPositions, type AttentionMask, linear } from '../../ops/index.ts'
import { empty, fromArray, memoryScope, type Tensor, withoutTape } from '../../tensor/index.ts'
import { ShapeError } from '../../util/index.ts'
import { axialRope } from './axialRope.ts'
import { freeze } from './frozen.ts'
import { type VisionContext, VisionLayer } from './visionLayer.ts'

export interface VisionTowerShape {
  hiddenSize: number
  intermediateSize: number
  layers: number
  heads: number
  kvHeads: number
  /** Numbers a head, a multiple of 4. */
  headDim: number
  /** Side of a patch in pixels. */
  patchSize: number
  /** Patches a side of a soft token, k. */
  pooling: number
  /** Places an axis of the position table. */
  positions: number
  theta: number
  eps: number
  /** Whether linear maps have bounds (E models). */
  clipped: boolean
  /** Whether soft tokens are shifted and scaled (26B, 31B). */
  standardize: boolean
}

/** A picture inside the sequence of patches. */
interface Span {
  from: number
  columns: number
  rows: number
}

export class VisionTower {
  readonly shape: VisionTowerShape
  readonly input: Weight
  readonly positions: Weight
  readonly layers: VisionLayer[]
  readonly standard: { bias: Weight; scale: Weight } | null

  /** Weights are zero until they are loaded; `name` is 'model.vision_tower' in Gemma's files. */
  constructor(name: string, shape: VisionTowerShape) {
    const { hiddenSize: D, patchSize, positions, standardize } = shape
    this.shape = shape
    this.input = matrixWeight(`${name}.patch_embedder.input_proj.weight`, [D, 3 * patchSize ** 2], 'matrix')
    this.positions = positionsWeight(`${name}.patch_embedder.position_embedding_table`, [2, positions, D])
    this.layers = Array.from({ length: shape.layers }, (_, i) => new VisionLayer(`${name}.encoder.layers.${i}`, shape))
    this.standard = standardize
      ? { bias: constantWeight(`${name}.std_bias`, [D], 0), scale: constantWeight(`${name}.std_scale`, [D], 1) }
      : null
    freeze(this.weights)
  }

  get weights(): Weight[] {
    const standard = this.standard ? [this.standard.bias, this.standard.scale] : []
    return [this.input, this.positions, ...this.layers.flatMap(({ weights }) => weights), ...standard]
  }

  /**
   * @param patches_NP f32 [N, P], values in [0, 1], pictures back to back, each row by row
   * @param positions [N, 2]: column and row of each patch in its picture; a picture begins at 0, 0
   * @returns soft tokens f32 [S, D], pictures back to back, each row by row; S = N / k^2
   * @throws ShapeError unless the sides of each picture are multiples of k patches
   */
  forward(patches_NP: Tensor, positions: Int32Array): Tensor {
    using scope = memoryScope()
    return scope.keep(withoutTape(() => this.#forward(patches_NP, positions)))
  }

  #forward(patches_NP: Tensor, positions: Int32Array): Tensor {
    const { headDim, theta } = this.shape
    const [N] = patches_NP.shape
    if (positions.length !== 2 * N)
      throw new ShapeError('visionTower', `positions must have 2 * ${N} numbers`, positions.length)
    const spans = pictureSpans(positions, this.shape.pooling)
    const centred = fromArray(
      patches_NP.floats.map((value) => 2 * value - 1),
      patches_NP.shape,
    )
    let h_ND = addGridPositions(linear(centred, this.input.parameter), this.positions.parameter, positions, 'axesFirst')
    const context: VisionContext = {
      rope: axialRope(positions, headDim, theta),
      places: fromArray(
        Int32Array.from({ length: N }, (_, n) => n),
        [N],
        { dtype: 'i32' },
      ),
      mask: pictureMask(spans, N),
    }
    for (const layer of this.layers) h_ND = layer.forward(h_ND, context)
    return this.#pool(h_ND, spans)
  }

  /** Means of k x k cells, scaled. */
  #pool(h_ND: Tensor, spans: Span[]): Tensor {
    const { hiddenSize: D, pooling: k } = this.shape
    const out = empty([h_ND.shape[0] / k ** 2, D])
    const [h, y] = [h_ND.floats, out.floats]
    y.fill(0)
    const share = Math.sqrt(D) / k ** 2
    for (const { from, columns, rows } of spans) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const patch = (from + row * columns + column) * D
          const cell = (from / k ** 2 + Math.floor(row / k) * (columns / k) + Math.floor(column / k)) * D
          for (let d = 0; d < D; d++) y[cell + d] += share * h[patch + d]
        }
      }
    }
    if (this.standard) {
      const [bias, scale] = [this.standard.bias.parameter.data, this.standard.scale.parameter.data]
      for (let i = 0; i < y.length; i++) y[i] = (y[i] - bias[i % D]) * scale[i % D]
    }
    return out
  }
}

/** Where each picture stands, from the positions of its patches. */
function pictureSpans(positions: Int32Array, k: number): Span[] {
  const N = positions.length / 2
  const starts = Array.from({ length: N }, (_, n) => n).filter(
    (n) => positions[2 * n] === 0 && positions[2 * n + 1] === 0,
  )
  const bad = (n: number): never => {
    const got = `patch ${n} at ${positions[2 * n]}, ${positions[2 * n + 1]}`
    throw new ShapeError('visionTower', `patches must be row by row, in sides of multiples of ${k}`, got)
  }
  if (N > 0 && starts[0] !== 0) bad(0)
  return starts.map((from, i) => {
    const end = starts[i + 1] ?? N
    const [columns, rows] = [positions[2 * end - 2] + 1, positions[2 * end - 1] + 1]
    if (columns % k !== 0 || rows % k !== 0 || columns * rows !== end - from) bad(end - 1)
    for (let n = from; n < end; n++) {
      const at = n - from
      if (positions[2 * n] !== at % columns || positions[2 * n + 1] !== Math.floor(at / columns)) bad(n)
    }
    return { from, columns, rows }
  })
}

/** Every patch sees its whole picture. */
function pictureMask(spans: Span[], N: number): AttentionMask {
  const mask = { first: empty([N], { dtype: 'i32' }), last: empty([N], { dtype: 'i32' }) }
  for (const { from, columns, rows } of spans) {
    const end = from + columns * rows
    mask.first.ints.fill(from, from, end)
    mask.last.ints.fill(end - 1, from, end)
  }
  return mask
}
