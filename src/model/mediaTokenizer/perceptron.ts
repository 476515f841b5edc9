// A residual MLP on rows: a linear map in, blocks x + GeGLU(norm(x)), a norm and a linear map out.
//
// Encoder and decoder of a media tokenizer are one each. Rows do not see each other. The map in has a bias, so that
// an input of zeros (the mean patch, the middle code) is no special point; blocks and the map out need none.
// Shapes: R rows, K in, D hidden, N out.
import { matrixWeight, Mlp, Norm, type Weight } from '../../nn/index.ts'
import { add, linear } from '../../ops/index.ts'
import { ones, type Tensor } from '../../tensor/index.ts'
import type { Rng } from '../../util/index.ts'

const eps = 1e-6

export interface PerceptronShape {
  input: number
  hidden: number
  depth: number
  output: number
}

export class Perceptron {
  readonly #in: Weight
  readonly #bias: Weight
  readonly #blocks: { norm: Norm; mlp: Mlp }[]
  readonly #norm: Norm
  readonly #out: Weight

  constructor(name: string, { input, hidden, depth, output }: PerceptronShape) {
    this.#in = matrixWeight(`${name}.in_proj.weight`, [hidden, input], 'matrix')
    this.#bias = matrixWeight(`${name}.in_proj.bias`, [hidden, 1], 'embedding')
    this.#blocks = Array.from({ length: depth }, (_, i) => ({
      norm: new Norm(`${name}.blocks.${i}.norm`, hidden, { eps }),
      mlp: new Mlp(`${name}.blocks.${i}.mlp`, hidden, 2 * hidden),
    }))
    this.#norm = new Norm(`${name}.norm`, hidden, { eps })
    this.#out = matrixWeight(`${name}.out_proj.weight`, [output, hidden], 'embedding')
  }

  get weights(): Weight[] {
    const blocks = this.#blocks.flatMap(({ norm, mlp }) => [norm.weight, ...mlp.weights])
    return [this.#in, this.#bias, ...blocks, this.#norm.weight, this.#out]
  }

  /** Matrices N(0, 1 / inputs): every layer keeps the scale of what it gets. */
  initialise(rng: Rng): void {
    for (const { parameter, parts } of this.weights) {
      const std = parts.length === 0 ? 0 : 1 / Math.sqrt(parts[0].cols)
      for (let i = 0; i < parameter.size; i++) parameter.data[i] = parts.length === 0 ? 1 : std * rng.normal()
      parameter.touch()
    }
  }

  /** x [R, K], f32 -> [R, N], f32; products in `compute`. */
  forward(x_RK: Tensor, compute: 'bf16' | 'f32'): Tensor {
    const bias_RD = linear(ones([x_RK.shape[0], 1]), this.#bias.parameter)
    let x_RD = add(linear(x_RK, this.#in.parameter, { compute }), bias_RD)
    for (const { norm, mlp } of this.#blocks) x_RD = add(x_RD, mlp.forward(norm.forward(x_RD, { outDtype: compute })))
    return linear(this.#norm.forward(x_RD, { outDtype: compute }), this.#out.parameter, { compute, outDtype: 'f32' })
  }
}
