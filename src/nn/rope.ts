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

/** Builds a table that outlives the current memory scope; angles are computed in float64. */
export function ropeTable({ positions, headDim, theta, share = 1, factor = 1 }: RopeOptions): RopeTable {
  const pairs = headDim / 2
  const turning = Math.floor((share * headDim) / 2)
  const cos = new Float32Array(positions * pairs).fill(1)
  const sin = new Float32Array(positions * pairs)
  for (let i = 0; i < turning; i++) {
    const frequency = theta ** ((-2 * i) / headDim) / factor
    for (let position = 0; position < positions; position++) {
      cos[position * pairs + i] = Math.cos(position * frequency)
      sin[position * pairs + i] = Math.sin(position * frequency)
    }
  }
  return { cos: lasting(fromArray(cos, [positions, pairs])), sin: lasting(fromArray(sin, [positions, pairs])) }
}

/** Takes a tensor out of the scope it was made in: tables live as long as their model. */
function lasting(tensor: Tensor): Tensor {
  tensor.storage.moveTo(null)
  return tensor
}
