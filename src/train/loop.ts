// The training loop: batches in, metrics out, a checkpoint beside it.
import type { Summary, TrainRequest } from './types.ts'

/**
 * Trains a model to the end of its horizon, or until the signal stops it.
 *
 * @returns the summary of the run; the checkpoint is on disk when runFolder was given
 */
export async function trainModel(request: TrainRequest): Promise<Summary> {
  throw new Error(`train: not ready yet, got a request for ${request.config.num_hidden_layers} layers`)
}
