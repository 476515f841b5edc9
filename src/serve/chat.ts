// One request for an answer as all protocols mean it, and the events that answer it.
//
// A protocol turns its JSON into a ChatRequest, and ChatEvents into its JSON; nothing else of it is known below. Media are
// bytes here already: files and addresses were resolved by the protocol.
import type { EngineSampling } from '../inference/index.ts'
import type { ExpertTrace } from './studio/wire.ts'

export type ChatPart =
  | { kind: 'text'; text: string }
  /** What the model thought in an earlier turn. */
  | { kind: 'thought'; text: string; signature?: string }
  | {
      kind: 'media'
      mimeType: string
      bytes: Uint8Array
      /** Tokens it may take, low to ultra high. Default that of the request. */
      resolution?: MediaResolution
      /** Of a clip: pictures a second, seconds to begin and end at. */
      clip?: { fps?: number; start?: number; end?: number }
    }
  | { kind: 'call'; id: string; name: string; args: Record<string, unknown>; signature?: string }
  | { kind: 'result'; id: string; name: string; response: unknown }

export type MediaResolution = 'low' | 'medium' | 'high' | 'ultraHigh'

export interface ChatTurn {
  role: 'user' | 'model'
  parts: ChatPart[]
}

export interface ChatTool {
  name: string
  description?: string
  /** JSON Schema of the arguments; default: none. */
  parameters?: unknown
  /** Arguments must match the schema. */
  strict?: boolean
}

/** What the answer must look like. */
export type ChatFormat =
  | { kind: 'text' }
  /** JSON; any object without a schema. */
  | { kind: 'json'; schema?: unknown }
  | { kind: 'enum'; values: string[] }
  | { kind: 'regex'; pattern: string }

export interface ChatRequest {
  /** As the client named it. */
  model: string
  system?: ChatPart[]
  turns: ChatTurn[]
  /** Continue this text, or these tokens, as they stand instead of a conversation (OpenAI completions). */
  raw?: string | Int32Array
  tools?: ChatTool[]
  /**
   * 'auto': text or calls; 'any': at least one call; 'none': no call. `allowed` narrows the names; `parallel: false`: one call
   * an answer. Default 'auto', and as many calls as the model makes.
   */
  toolChoice?: { mode: 'auto' | 'any' | 'none'; allowed?: string[]; parallel?: boolean }
  format?: ChatFormat
  /** `budget` tokens of thought (0: none, -1: as many as it likes); `include`: tell the client. Default none. */
  thinking?: { budget: number; include: boolean }
  resolution?: MediaResolution
  /** What is wanted; 'image' lets the model draw. Default text. */
  modalities?: ('text' | 'image' | 'audio')[]
  maxTokens?: number
  stop?: string[]
  sampling?: EngineSampling
  logprobs?: { top: number; prompt?: boolean }
  /** Id of a pinned prefix (cachedContents). */
  cached?: string
  /** Passed to the policy as they are: category -> threshold. */
  safety?: Record<string, string>
  /** Whose key it was, for limits and logs. */
  key?: string
}

export interface ChatLogprob {
  token: string
  bytes: number[]
  id: number
  logprob: number
  top: { token: string; bytes: number[]; id: number; logprob: number }[]
}

/** Tokens by modality. */
export interface ChatUsage {
  prompt: Partial<Record<'text' | 'image' | 'audio' | 'video', number>>
  cached: number
  answer: number
  thoughts: number
  images: number
}

export type FinishReason = 'stop' | 'length' | 'calls' | 'safety' | 'blocked' | 'malformedCall'

export type ChatEvent =
  /** Whole characters only; logprobs of the tokens that this text ends. */
  | { type: 'text'; text: string; logprobs?: ChatLogprob[] }
  | { type: 'thought'; text: string }
  /** Arguments of a call while they are written; `call` follows with the whole. */
  | { type: 'callDelta'; id: string; name: string; text: string }
  | { type: 'call'; id: string; name: string; args: Record<string, unknown>; signature?: string }
  | { type: 'media'; mimeType: string; bytes: Uint8Array }
  /** `signature` stands for the thoughts of this answer when they come back. */
  | {
      type: 'finish'
      reason: FinishReason
      usage: ChatUsage
      signature?: string
      /** Of 'blocked' and 'safety': what stood against it. */
      category?: string
      promptLogprobs?: ChatLogprob[]
      /** Milliseconds. */
      times: { queue: number; prefill: number; decode: number }
    }

/** Parts, or tokens as they stand. */
export type EmbedInput = ChatPart[] | Int32Array

/** What protocols may ask of a model. */
export interface ChatService {
  /** Ids of models that can be asked, the default one first. */
  models(): ModelCard[]
  chat(request: ChatRequest, signal?: AbortSignal): AsyncIterable<ChatEvent>
  /** Tokens of the prompt that `chat` would read, by modality. */
  count(request: ChatRequest): Promise<ChatUsage['prompt']>
  embed(
    model: string,
    inputs: EmbedInput[],
    dimensions?: number,
    signal?: AbortSignal,
  ): Promise<{ values: Float32Array; tokens: number }[]>
  /** Text of tokens, special ones as they are written. @throws ServeError invalid for an id that is none */
  text(model: string, ids: Int32Array): string
  /** Reads and keeps a prefix (cachedContents); `id` goes into ChatRequest.cached. */
  pin(request: ChatRequest, ttlSeconds: number): Promise<{ id: string; tokens: number }>
  unpin(id: string): Promise<void>
  /** Which experts read each token of a conversation that ends with an answer. @throws ServeError without experts */
  experts(request: ChatRequest, signal?: AbortSignal): Promise<ExpertTrace>
}

export interface ModelCard {
  id: string
  description: string
  /** Tokens in and out, at most. */
  inputTokens: number
  outputTokens: number
  inputs: ('text' | 'image' | 'audio' | 'video')[]
  outputs: ('text' | 'image')[]
  /** Knows turns and thoughts; a base model only continues text. */
  chats: boolean
  /** Seconds since 1970 of the checkpoint. */
  created: number
}
