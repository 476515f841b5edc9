// Attention of the audio tower: each frame looks back over a short window, with relative positions and a soft cap.
//
//   score(t, j) = cap tanh((q_t . k_j + q_t . r_(t-j)) / cap)       j = t - W + 1 .. t,   r_d = W_rel [sin d | cos d]
//   q scaled by C^-1/2 / ln 2 * softplus(per_dim_scale), k by ln(1 + e) / ln 2
//
// The original computes it in chunks of W - 1 queries; a frame sees the same keys. Window: W = attention_context_left
// keys, the frame's own included, as in gemma (JAX) and MLX; transformers 5.24 masks one key more (its distances end at
// W - 2, though r has W entries). Dai et al. 2019 (Transformer-XL, 1901.02860) for the positions.
// Shapes: T frames, D tower width, H heads, C head width, W keys a frame sees.
import { constantWeight, matrixWeight, type Weight } from '../../nn/index.ts'
import { linear } from '../../ops/index.ts'
import { empty, fromArray, type Tensor } from '../../tensor/index.ts'
import type { AudioTowerShape } from './audio.ts'
import { ClippedLinear } from './clippedLinear.ts'

const longestScale = 10_000

export class AudioAttention {
  readonly #shape: AudioTowerShape
  readonly #query: ClippedLinear
  readonly #key: ClippedLinear
  readonly #value: ClippedLinear
  readonly #post: ClippedLinear
  readonly #relative: Weight
  readonly #dimScale: Weight

  constructor(name: string, shape: AudioTowerShape) {
    const { hiddenSize: D, heads, clipped } = shape
    const map = (part: string): ClippedLinear => new ClippedLinear(`${name}.${part}`, [D, D], { clipped })
    this.#shape = shape
    this.#query = map('q_proj')
    this.#key = map('k_proj')
    this.#value = map('v_proj')
    this.#post = map('post')
    this.#relative = matrixWeight(`${name}.relative_k_proj.weight`, [D, D], 'matrix')
    this.#dimScale = constantWeight(`${name}.per_dim_scale`, [D / heads], 0)
  }

  get weights(): Weight[] {
    const maps = [this.#query, this.#key, this.#value, this.#post]
    return [...maps.flatMap(({ weights }) => weights), this.#relative, this.#dimScale]
  }

  /** f32 [T, D] -> f32 [T, D]; `keys` of the window are seen (default all W). */
  forward(x_TD: Tensor, keys = this.#shape.window): Tensor {
    const [q, k, v] = [this.#query, this.#key, this.#value].map((part) => part.forward(x_TD))
    this.#scale(q.floats, k.floats)
    const relative_WD = linear(relativePositions(this.#shape), this.#relative.parameter)
    const mixed_TD = empty(x_TD.shape)
    const arrays = { q: q.floats, k: k.floats, v: v.floats, relative: relative_WD.floats, out: mixed_TD.floats }
    attend(arrays, { ...this.#shape, frames: x_TD.shape[0], keys })
    return this.#post.forward(mixed_TD)
  }

  #scale(q: Float32Array, k: Float32Array): void {
    const dimScale = this.#dimScale.parameter.data
    const C = dimScale.length
    const queryScale = Float32Array.from(dimScale, (x) => (softplus(x) * C ** -0.5) / Math.LN2)
    const keyScale = Math.log(1 + Math.E) / Math.LN2
    for (let i = 0; i < q.length; i++) q[i] *= queryScale[i % C]
    for (let i = 0; i < k.length; i++) k[i] *= keyScale
  }
}

const softplus = (x: number): number => (x > 20 ? x : Math.log1p(Math.exp(x)))

/** Sines, then cosines, of each distance 0 .. W-1 at D/2 scales from 1 to 10000: [W, D]. */
function relativePositions({ window, hiddenSize: D }: AudioTowerShape): Tensor {
  const half = D / 2
  const step = Math.log(longestScale) / Math.max(half - 1, 1)
  const values = new Float32Array(window * D)
  for (let distance = 0; distance < window; distance++) {
    for (let i = 0; i < half; i++) {
      const angle = distance * Math.exp(-i * step)
      values[distance * D + i] = Math.sin(angle)
      values[distance * D + half + i] = Math.cos(angle)
    }
  }
  return fromArray(values, [window, D])
}

/** Softmax over the window of each frame and head. */
function attend(
  { q, k, v, relative, out }: Record<'q' | 'k' | 'v' | 'relative' | 'out', Float32Array>,
  { frames, heads, hiddenSize: D, logitCap, keys }: AudioTowerShape & { frames: number; keys: number },
): void {
  const C = D / heads
  const scores = new Float64Array(keys)
  out.fill(0)
  for (let t = 0; t < frames; t++) {
    const seen = Math.min(keys, t + 1)
    for (let head = 0; head < heads; head++) {
      const column = head * C
      const query = t * D + column
      let total = 0
      for (let distance = 0; distance < seen; distance++) {
        const [key, position] = [(t - distance) * D + column, distance * D + column]
        let dot = 0
        for (let c = 0; c < C; c++) dot += q[query + c] * (k[key + c] + relative[position + c])
        // capped scores are small enough for exp as they are
        scores[distance] = Math.exp(logitCap * Math.tanh(dot / logitCap))
        total += scores[distance]
      }
      for (let distance = 0; distance < seen; distance++) {
        const [share, value] = [scores[distance] / total, (t - distance) * D + column]
        for (let c = 0; c < C; c++) out[query + c] += share * v[value + c]
      }
    }
  }
}
