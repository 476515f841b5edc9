// A weight: a parameter with the role it plays, from which its initial values and its optimiser follow.
//
// Modules list their weights; init.ts fills them and optim/ updates them by role, so neither has to know
// the modules. Fused matrices (q, k and v in one; gate and up in one; all experts in one) say here which
// separate matrices they are made of, since Muon, where it takes them, orthogonalises each on its own.
import { Parameter } from '../tensor/index.ts'

/** What a weight does in the model. */
export type Role =
  /** Hidden matrix [out, in] that every token meets: orthogonalised by Muon. */
  | 'matrix'
  /** Stack of expert matrices [E, out, in]; under AdamW (optimizer.ts says why). */
  | 'experts'
  /** Token table [V, D], which is the output head too. */
  | 'embedding'
  /** Scale of a norm on the way into a block. */
  | 'norm'
  /** Scale of a norm of query or key heads, whose product is not scaled otherwise. */
  | 'headNorm'
  /** Scale of a norm on the way out of a block, before the residual sum. */
  | 'postNorm'
  /** Router matrix [E, D]. */
  | 'router'
  /** Vector of learned factors. */
  | 'scale'
  /** Vector of learned offsets. */
  | 'bias'
  /** Learned places of a grid, [P, 2, D]. */
  | 'positions'
  /** Number or vector of a frozen part, which nobody draws: it is what it was made with until a file is read. */
  | 'constant'

/** `count` matrices [rows, cols] back to back, from element `offset` of the parameter on. */
export interface MatrixPart {
  offset: number
  count: number
  rows: number
  cols: number
}

/** A parameter and its role. */
export interface Weight {
  parameter: Parameter
  role: Role
  /** The matrices it is made of; empty for vectors. */
  parts: MatrixPart[]
  /** What files store is the value less this (Gemma 3 stores norm factors less 1). Default 0. */
  storedLess?: number
  /** The name that files give it. Default its own. */
  storedName?: string
  /** The shape that files give it. Default its own. */
  storedShape?: readonly number[]
  /** Values as files order them, and back: it is its own inverse. Default: as they are. */
  reorder?: (values: Float32Array) => Float32Array
}

/** A weight [rows, cols], or [count, rows, cols], as zeros. */
export function matrixWeight(
  name: string,
  shape: number[],
  role: 'matrix' | 'experts' | 'embedding' | 'router',
): Weight {
  const [rows, cols] = shape.slice(-2)
  const count = shape.length === 3 ? shape[0] : 1
  return { parameter: new Parameter(name, shape), role, parts: [{ offset: 0, count, rows, cols }] }
}

/** A matrix whose row blocks of the given heights count as matrices of their own. */
export function fusedWeight(name: string, heights: number[], cols: number): Weight {
  const total = heights.reduce((sum, height) => sum + height, 0)
  let offset = 0
  const parts = heights.map((rows) => {
    const part = { offset, count: 1, rows, cols }
    offset += rows * cols
    return part
  })
  return { parameter: new Parameter(name, [total, cols]), role: 'matrix', parts }
}

/** E matrices [2F, D], each a gate over an up projection. */
export function gatedExpertsWeight(name: string, experts: number, inner: number, dim: number): Weight {
  const parts = [{ offset: 0, count: 2 * experts, rows: inner, cols: dim }]
  return { parameter: new Parameter(name, [experts, 2 * inner, dim]), role: 'experts', parts }
}

/** A vector of factors or offsets. */
export function vectorWeight(
  name: string,
  size: number,
  role: 'norm' | 'headNorm' | 'postNorm' | 'scale' | 'bias',
  storedLess = 0,
): Weight {
  return { parameter: new Parameter(name, [size]), role, parts: [], storedLess }
}

/** Tables of learned places, one an axis: looked up and added, never multiplied. */
export function positionsWeight(name: string, shape: number[]): Weight {
  return { parameter: new Parameter(name, shape), role: 'positions', parts: [] }
}

/** A constant of the given values; `shape` [] for a single number. */
export function constantWeight(name: string, shape: number[], value: number): Weight {
  const parameter = new Parameter(name, shape)
  parameter.data.fill(value)
  return { parameter, role: 'constant', parts: [] }
}
