// A model made ready for writing text: matrices in 16, 8 or 4 bits, their f32 masters given back.
//
// What takes memory and bandwidth is packed: projections, MLPs and experts as asked, the head in 8 bits at least, since its errors
// are the answer's. Routers stay in f32 (they flip between near-equal experts), so do norms and factors, and the table that
// tokens are looked up in. As llama.cpp's q8_0 and q4_0: groups of 32 of a row share a scale.
import type { Frozen } from '../tensor/index.ts'
import { PolluxError } from '../util/index.ts'
import type { Weight } from '../nn/index.ts'
import type { Decoder } from './decoder.ts'
import { type Model, MultimodalModel } from './multimodal.ts'

/** How the matrices of a model can be kept for inference. */
export type WeightKind = Frozen
export const weightKinds: readonly WeightKind[] = ['bf16', 'int8', 'int4']

/**
 * Packs a model for inference, in place. It cannot be trained or saved afterwards; routers, norms and tables keep f32.
 *
 * @param kind bits of a weight: 'bf16' 16, 'int8' 8.5, 'int4' 4.5 (with scales)
 * @returns bytes that the packed matrices take
 * @throws PolluxError for another kind
 */
export function quantise(model: Model, kind: WeightKind): number {
  if (!weightKinds.includes(kind)) {
    throw new PolluxError(`quantise: weights must be ${weightKinds.join(', ')}, got ${JSON.stringify(kind)}`)
  }
  const text: Decoder = model instanceof MultimodalModel ? model.text : model
  const table = text.embedding.parameter
  for (const weight of text.weights) {
    if (isPacked(weight)) weight.parameter.freeze(kind)
  }
  // the head; rows of the same table are looked up in f32
  table.freeze(kind === 'int4' ? 'int8' : kind, { keep: true })
  return text.weights.reduce((sum, { parameter }) => sum + parameter.packedBytes, 0)
}

/** Matrices of products alone: neither routers nor tables that rows are looked up in. */
function isPacked({ role }: Weight): boolean {
  return role === 'matrix' || role === 'experts'
}
