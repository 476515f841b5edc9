// Arrays that an optimiser keeps for each weight.
import { type Tensor, zeros } from '../../tensor/index.ts'
import type { Weight } from '../weight.ts'

/** Zeros of the shape of a weight, f32, outside of all memory scopes: they live as long as the optimiser. */
export function newState({ parameter }: Weight): Tensor {
  const state = zeros(parameter.shape)
  state.storage.moveTo(null)
  return state
}
