// Reading a long document once: what the model would say at chosen places, and how much each token surprises it.
//
// A greedy answer is right exactly if, at each of its tokens, that token is the likeliest after the true ones before it. So a
// document with its answers written in tells what greedy generation would have answered, in one pass over it. The
// pass goes chunk by chunk through a key-value cache, as a prompt is read: memory is that of a chunk and the cache.
// Shapes: R rows (tokens of a chunk), D width, V vocabulary.
import { KvCache, type KvCacheOptions, past } from '../inference/index.ts'
import type { Decoder, DecoderInput, Model } from '../model/index.ts'
import { memoryScope } from '../tensor/index.ts'

/** Reads documents of ids. */
export interface DocumentReader {
  /** The likeliest token at each place, given all true ones before it; places rise, from 1 on. */
  likeliest(ids: Int32Array, places: Int32Array): Int32Array
  /** [n] nats of each token given those before it; 0 for the first. */
  surprise(ids: Int32Array): Float32Array
  /** Most tokens of a document. */
  readonly longest: number
}

export interface ReaderOptions {
  /** Arithmetic. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** How keys and values are kept. Default as `compute`. */
  dtype?: KvCacheOptions['dtype']
  /** Tokens of a chunk. Default 2,048. */
  chunk?: number
}

/** A reader of documents as long as the model reads. */
export function modelReader(model: Model, options: ReaderOptions = {}): DocumentReader {
  const { compute = 'bf16', dtype = compute, chunk = 2048 } = options
  const decoder: Decoder = 'text' in model ? model.text : model
  const vocab = decoder.config.vocab_size

  /** Hands the document to `read` chunk by chunk; `at` is the place of a chunk's first token. */
  function pass(ids: Int32Array, read: (input: DecoderInput, at: number) => void): void {
    using cache = new KvCache(decoder.config, { dtype })
    for (let at = 0; at < ids.length; at += chunk) {
      using _scope = memoryScope()
      const part = ids.subarray(at, at + chunk)
      read({ ids: part, batch: 1, time: part.length, past: past([cache]) }, at)
    }
  }

  return {
    longest: decoder.config.max_position_embeddings,
    likeliest(ids, places) {
      const said: number[] = []
      pass(ids, (input, at) => {
        // a token is said by the row before it
        const rows = places.filter((place) => place > at && place <= at + input.time).map((place) => place - 1 - at)
        const { hidden } = decoder.forward({ ...input, outputRows: rows }, { compute })
        if (rows.length === 0) return
        const logits = decoder.logits(hidden)
        rows.forEach((_, i) => said.push(argmax(logits.subarray(i * vocab, (i + 1) * vocab))))
      })
      return Int32Array.from(said)
    },
    surprise(ids) {
      const nats = new Float32Array(ids.length)
      pass(ids, (input, at) => {
        const targets = Int32Array.from({ length: input.time }, (_, i) =>
          at + i + 1 < ids.length ? ids[at + i + 1] : -1,
        )
        const { rowLoss } = decoder.loss(input, targets, { compute })
        nats.set(rowLoss.subarray(0, Math.min(input.time, ids.length - at - 1)), at + 1)
      })
      return nats
    },
  }
}

function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}
