// Rotary position embedding: the tables of cosines and sines that ops/splitHeads rotates heads with.
//
// Pair i of a head is (i, i + C/2), turned by angle position * theta^(-2i/C). The proportional form of
// Gemma 4's full-attention layers turns only the first pairs and leaves the rest without position; its
// exponent still divides by the whole head width C, so the frequencies are those of a full rotation.
// Positions may be divided by a factor (linear interpolation, Chen et al. 2023), as in Gemma 3's full layers.
// Su et al. 2021 (RoFormer); Barbero et al. 2024 (p-RoPE); gemma math/_positional_embeddings.py.
import { fromArray, type Tensor } from '../tensor/index.ts'

/** cos and sin, each f32 [positions, C/2]. */
export interface RopeTable {
  cos: Tensor
  sin: Tensor
}

export interface RopeOptions {
  /** Number of positions P. */
  positions: number
  /** Head width C, even. */
  headDim: number
  theta: number
  /** Share of the C/2 pairs that turn. Default 1. */
  share?: number
  /** Positions are divided by it. Default 1. */
  factor?: number
}

/** How heads of a layer turn, whatever the positions. */
export type RopeTurn = Omit<RopeOptions, 'positions'>

/** Builds a table that outlives the current memory scope. */
export function ropeTable({ positions, ...turn }: RopeOptions): RopeTable {
  const { cos, sin } = ropeRows(
    Array.from({ length: positions }, (_, position) => position),
    turn,
  )
  return { cos: lasting(cos), sin: lasting(sin) }
}

/** The rows of a table that stand for `places` alone, in the current scope: no table of all positions is needed. */
export function ropeRows(places: ArrayLike<number>, turn: RopeTurn): RopeTable {
  const { cos, sin } = ropeAngles(places, turn)
  const shape = [places.length, turn.headDim / 2]
  return { cos: fromArray(cos, shape), sin: fromArray(sin, shape) }
}

/** cos and sin, [places, C/2] each; angles are computed in float64. */
export function ropeAngles(
  places: ArrayLike<number>,
  { headDim, theta, share = 1, factor = 1 }: RopeTurn,
): { cos: Float32Array; sin: Float32Array } {
  const pairs = headDim / 2
  const turning = Math.floor((share * headDim) / 2)
  const cos = new Float32Array(places.length * pairs).fill(1)
  const sin = new Float32Array(places.length * pairs)
  for (let i = 0; i < turning; i++) {
    const frequency = theta ** ((-2 * i) / headDim) / factor
    for (let row = 0; row < places.length; row++) {
      cos[row * pairs + i] = Math.cos(places[row] * frequency)
      sin[row * pairs + i] = Math.sin(places[row] * frequency)
    }
  }
  return { cos, sin }
}

/** Takes a tensor out of the scope it was made in: tables live as long as their model. */
function lasting(tensor: Tensor): Tensor {
  tensor.storage.moveTo(null)
  return tensor
}
