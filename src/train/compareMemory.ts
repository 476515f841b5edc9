// Bytes that a model takes: in a file, and while it trains.
//
//   file       2 a weight (bf16)
//   training   4 a weight (f32), 4 its gradient, 4 a momentum under Muon or 8 two moments under AdamW
//
// Activations, and the packed bf16 forms of weights that products read, depend on the implementation and are not counted.
import { accountFor, type ModelConfig } from '../model/index.ts'
import type { TrainingOptions } from './types.ts'

export interface MemoryUse {
  file: number
  training: number
}

/** What Muon takes: nn/optim/optimizer.ts. */
export function memoryUse(config: ModelConfig, optimizer: TrainingOptions['optimizer']): MemoryUse {
  const { total, parts } = accountFor(config).parameters
  const matrices = parts.attention.total + parts['dense MLPs'].total + parts['per-layer gates'].total
  const underMuon = { adamw: 0, muon: matrices, 'muon-all': matrices + parts.experts.total }[optimizer]
  return { file: 2 * total, training: 8 * total + 4 * underMuon + 8 * (total - underMuon) }
}
