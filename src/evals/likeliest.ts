// Reading a long document once: what the model would say at chosen places, and how much each token surprises it.
//
// A greedy answer is right exactly if, at each of its tokens, that token is the likeliest after the true ones before it. So a
// document with its answers written in tells what greedy generation would have answered, in one pass over it.
// Shapes: R rows (tokens of the document), D width, V vocabulary.
import type { Decoder, Model } from '../model/index.ts'
import { takeRows } from '../ops/index.ts'
import { memoryScope } from '../tensor/index.ts'

/** Reads documents of ids. */
export interface DocumentReader {
  /** The likeliest token at each place, given all true ones before it; places from 1 on. */
  likeliest(ids: Int32Array, places: Int32Array): Int32Array
  /** [n] nats of each token given those before it; 0 for the first. */
  surprise(ids: Int32Array): Float32Array
  /** Most tokens of a document. */
  readonly longest: number
}

/** A reader that computes each document in one forward pass. */
export function modelReader(model: Model, { compute = 'bf16' }: { compute?: 'bf16' | 'f32' } = {}): DocumentReader {
  const decoder: Decoder = 'text' in model ? model.text : model
  const vocab = decoder.config.vocab_size
  // of each block only the result stays: a long document would take gigabytes else
  const options = { compute, activationCheckpointing: true }
  return {
    longest: decoder.config.max_position_embeddings,
    likeliest(ids, places) {
      using _scope = memoryScope()
      const { hidden } = decoder.forward({ ids, batch: 1, time: ids.length }, options)
      const rows = places.map((place) => place - 1)
      const logits = decoder.logits(takeRows(hidden, rows))
      return rows.map((_, i) => argmax(logits.subarray(i * vocab, (i + 1) * vocab)))
    },
    surprise(ids) {
      using _scope = memoryScope()
      const targets = Int32Array.from(ids, (_, i) => (i + 1 < ids.length ? ids[i + 1] : -1))
      const { rowLoss } = decoder.loss({ ids, batch: 1, time: ids.length }, targets, options)
      const nats = new Float32Array(ids.length)
      nats.set(rowLoss.subarray(0, ids.length - 1), 1)
      return nats
    },
  }
}

function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}
