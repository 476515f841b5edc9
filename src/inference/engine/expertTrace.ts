// Which experts read which token: taken out of a pass, for requests that ask for it, while the pass's memory lasts.
//
// From the last layers on a pass goes on with the wanted rows alone (src/model/decoder.ts), so the router of such a layer has
// a row for each of these, and other layers' routers one for each row of the pass.
import type { ModelConfig } from '../../model/index.ts'
import type { Routing } from '../../nn/index.ts'
import type { ExpertShape } from '../engineTypes.ts'

export interface ExpertRows {
  /** [rows, layers with experts, K] */
  experts: Uint16Array
  weights: Float32Array
}

/** The experts of a model; null where it has none. */
export function expertShape(config: ModelConfig): ExpertShape | null {
  const { enable_moe_block, num_hidden_layers, num_experts, top_k_experts } = config
  if (!enable_moe_block) return null
  return { layers: Array.from({ length: num_hidden_layers }, (_, i) => i), count: num_experts, topK: top_k_experts }
}

/**
 * Choices of consecutive rows.
 *
 * @param row the first of them in the pass, `wantedRow` among the wanted rows; all `count` must be wanted
 * @param passRows rows of the whole pass
 */
export function expertRows(
  routings: readonly Routing[],
  { row, wantedRow, count, passRows }: { row: number; wantedRow: number; count: number; passRows: number },
): ExpertRows {
  const [topK, layers] = [routings[0]?.indices.shape[1] ?? 0, routings.length]
  const experts = new Uint16Array(count * layers * topK)
  const weights = new Float32Array(experts.length)
  routings.forEach(({ indices, weights: ofRows }, layer) => {
    const first = indices.shape[0] === passRows ? row : wantedRow
    const [ids, values] = [indices.ints, ofRows.floats]
    for (let i = 0; i < count; i++) {
      const [from, to] = [(first + i) * topK, (i * layers + layer) * topK]
      for (let k = 0; k < topK; k++) {
        experts[to + k] = ids[from + k]
        weights[to + k] = values[from + k]
      }
    }
  })
  return { experts, weights }
}
