// /embeddings: texts, also as ids of tokens, as vectors, as numbers or as base64 of little-endian float32.
import { endianness } from 'node:os'
import type { ChatService } from '../../chat.ts'
import { OpenAiError } from './errors.ts'
import { Fields } from './fields.ts'
import { readTexts } from './tokenIds.ts'

export interface EmbeddingCall {
  model: string
  texts: (string | Int32Array)[]
  dimensions?: number
  base64: boolean
}

/** @throws OpenAiError naming the parameter at fault */
export function readEmbeddingCall(value: Record<string, unknown>): EmbeddingCall {
  const body = new Fields(value)
  const model = body.required('model', body.string('model', { max: 256 }))
  const dimensions = body.integer('dimensions', 1, 2 ** 20)
  const base64 = body.oneOf('encoding_format', ['float', 'base64']) === 'base64'
  return { model, texts: readInputs(body), ...(dimensions !== undefined && { dimensions }), base64 }
}

function readInputs(body: Fields): (string | Int32Array)[] {
  const texts = readTexts(body, 'input', 2048)
  const empty = texts.indexOf('')
  if (empty < 0) return texts
  throw new OpenAiError('invalid_value', `input[${empty}]`, `Invalid 'input[${empty}]': the text is empty.`)
}

/** The answer. */
export async function embed(chat: ChatService, call: EmbeddingCall, signal?: AbortSignal) {
  const { model, texts, dimensions, base64 } = call
  const vectors = await chat.embed(
    model,
    texts.map((text) => (typeof text === 'string' ? [{ kind: 'text', text }] : text)),
    dimensions,
    signal,
  )
  const tokens = vectors.reduce((sum, vector) => sum + vector.tokens, 0)
  return {
    object: 'list' as const,
    data: vectors.map(({ values }, index) => ({
      object: 'embedding' as const,
      index,
      embedding: base64 ? littleEndian(values) : [...values],
    })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

function littleEndian(values: Float32Array): string {
  const bytes = Buffer.from(values.slice().buffer)
  return (endianness() === 'LE' ? bytes : bytes.swap32()).toString('base64')
}
