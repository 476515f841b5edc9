// What an engine is asked and what it answers: token ids in, token ids out, never text.
//
// Requests and events are plain data, since they cross into the engine's thread and back.
import type { Prompt } from './prompt.ts'

/** How the next token is drawn. Order: penalties, bias, grammar, temperature, top-k, top-p, min-p. */
export interface EngineSampling {
  /** 0: the likeliest. Default 1. */
  temperature?: number
  /** Only the K likeliest. Default 0: all. */
  topK?: number
  /** Only the likeliest that together reach this probability, in (0, 1]. Default 1. */
  topP?: number
  /** Only those at least this share as likely as the likeliest, in [0, 1]. Default 0. */
  minP?: number
  /** Taken off the logit of every token written before, once. Default 0. */
  presencePenalty?: number
  /** Taken off for every time it was written. Default 0. */
  frequencyPenalty?: number
  /** Divides positive and multiplies negative logits of tokens read or written (Keskar et al. 2019). Default 1. */
  repetitionPenalty?: number
  /** Added to logits: [id, value]. */
  logitBias?: readonly (readonly [id: number, bias: number])[]
  /** Same seed, same text, whatever else is in the batch. Default: drawn. */
  seed?: number
}

/** What the output must match, byte for byte. */
export type GrammarSpec =
  | { kind: 'json'; schema: unknown }
  | { kind: 'regex'; pattern: string }
  | { kind: 'enum'; values: readonly string[] }
  /** Pieces one after another; a piece given as ids is written as these special tokens. */
  | { kind: 'sequence'; parts: readonly (GrammarSpec | { kind: 'ids'; ids: readonly number[] })[] }
  | { kind: 'either'; options: readonly GrammarSpec[] }
  /** The same again and again, `min` times to `max` (default: no end); what is repeated must not be able to be nothing. */
  | { kind: 'repeat'; of: GrammarSpec; min: number; max?: number }
  /** Free text until one of the ids, after which the grammar of that id holds. */
  | { kind: 'triggered'; triggers: readonly { id: number; then: GrammarSpec }[] }
  /** One token out of each of these ranges of ids [from, to), in order: the codes of a picture. Stands alone. */
  | { kind: 'ranges'; ranges: readonly (readonly [from: number, to: number])[] }

export interface EngineRequest {
  prompt: Prompt
  /** Most tokens to write. */
  maxTokens: number
  /** Tokens that end the text; the one drawn is not reported. */
  stopIds?: readonly number[]
  sampling?: EngineSampling
  /** Log-probabilities: how many alternatives beside each written token (0 to 20), and whether of the prompt too. */
  logprobs?: { top: number; prompt?: boolean }
  grammar?: GrammarSpec
  /** Tell which experts read each token of the answer, and of the prompt too (read anew then). Default: nothing is kept. */
  experts?: { prompt: boolean }
  /** Whether the prompt's pages may serve later requests. Default true. */
  keepPrefix?: boolean
}

export interface TokenLogprob {
  id: number
  logprob: number
}

/** Counted tokens of a request. */
export interface EngineUsage {
  promptTokens: number
  /** Of the prompt: found in the cache. */
  cachedTokens: number
  outputTokens: number
}

export type EngineEvent =
  /** A piece of the prompt was read; `cached` of it was found. None comes where all but its last token was. */
  | { type: 'prefill'; done: number; total: number; cached?: number }
  | { type: 'token'; id: number; logprob?: number; top?: TokenLogprob[] }
  /**
   * Experts of the tokens from place `from` on (the prompt's come first, then the answer's): [tokens, layers with experts, K],
   * and with what weight, those of highest probability first; weight 0 where a slot is empty. Each place is told once, in
   * order. The last token of an answer has been read only where another was drawn behind it, or a stop token.
   */
  | { type: 'experts'; from: number; experts: Uint16Array; weights: Float32Array }
  | {
      type: 'finish'
      /** 'stop': a stop token, or a grammar with nothing more to come; 'length': maxTokens or the context. */
      reason: 'stop' | 'length'
      usage: EngineUsage
      /** Of each token of the prompt but the first, if asked for. */
      promptLogprobs?: TokenLogprob[]
      /** Milliseconds in the queue, reading the prompt, and writing. */
      times: { queue: number; prefill: number; decode: number }
    }

/** What an engine is doing, for dashboards. */
export interface EngineStats {
  running: number
  waiting: number
  /** Times that a sequence gave its pages up for others, and was read again. */
  preemptions: number
  /** Pages of keys and values in bytes: in use by requests, kept for later ones, held by nobody (a fault), and in all. */
  pages: { used: number; kept: number; lost: number; total: number }
  prefix: { queries: number; hitTokens: number; queryTokens: number; nodes: number; pinned: number }
  /** Read, written, of these forced by a grammar and so without a pass of their own, guessed, and guessed rightly. */
  tokens: { prompt: number; output: number; forced: number; drafted: number; accepted: number }
  /** Rows each expert read since the start, [layers with experts][experts]. */
  expertLoad: number[][]
  /** Sequences in the batch of the latest step. */
  batch: number
}

/** The experts of a model. */
export interface ExpertShape {
  /** Numbers of the layers that have some, from 0. */
  layers: readonly number[]
  /** Of a layer. */
  count: number
  /** That read a token. */
  topK: number
}

/** An engine that may be asked from many sides at once; in a thread of its own in a server. */
export interface Engine {
  /** Tokens of the longest context. */
  readonly contextTokens: number
  readonly vocabSize: number
  /** Null for a dense model. */
  readonly experts: ExpertShape | null
  /**
   * Writes one answer. Ends after 'finish'. Leaving the loop, or the signal, cancels within one step and frees its pages.
   *
   * @throws PolluxError for a request that cannot be served (too long, a grammar that cannot be); EngineFullError when
   * the queue is full
   */
  generate(request: EngineRequest, signal?: AbortSignal): AsyncIterable<EngineEvent>
  /** Mean of the last hidden states of each prompt, of length 1, [D]. */
  embed(prompts: readonly Prompt[], signal?: AbortSignal): Promise<Float32Array[]>
  /** Reads a prefix and keeps it until `unpin`, or until `ttlSeconds` have passed. */
  pin(prompt: Prompt, ttlSeconds?: number): Promise<{ id: string; tokens: number }>
  unpin(id: string): Promise<void>
  stats(): Promise<EngineStats>
  /** Ends requests and thread. */
  close(): Promise<void>
}
