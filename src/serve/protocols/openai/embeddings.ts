// /embeddings: texts as vectors, as numbers or as base64 of little-endian float32.
import { endianness } from 'node:os'
import type { ChatService } from '../../chat.ts'
import { OpenAiError, unsupported } from './errors.ts'
import { checkLength, Fields, invalidValue, wrongType } from './fields.ts'

export interface EmbeddingCall {
  model: string
  texts: string[]
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

function readInputs(body: Fields): string[] {
  const value = body.required('input', body.get('input'))
  const texts = typeof value === 'string' ? [value] : value
  if (!Array.isArray(texts)) throw wrongType('input', 'a string or an array of strings', value)
  if (texts.length === 0) throw invalidValue('input', 'expected at least one text.')
  checkLength(texts, 'input', 2048)
  if (typeof texts[0] === 'number' || Array.isArray(texts[0])) {
    throw unsupported('input', 'Inputs of token ids are not served.', 'send the text')
  }
  texts.forEach((text, i) => {
    if (typeof text !== 'string') throw wrongType(`input[${i}]`, 'a string', text)
    if (text === '')
      throw new OpenAiError('invalid_value', `input[${i}]`, `Invalid '${`input[${i}]`}': the text is empty.`)
  })
  return texts as string[]
}

/** The answer. */
export async function embed(chat: ChatService, call: EmbeddingCall, signal?: AbortSignal) {
  const { model, texts, dimensions, base64 } = call
  const vectors = await chat.embed(
    model,
    texts.map((text) => [{ kind: 'text', text }]),
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
