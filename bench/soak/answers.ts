// What must be true of an answer of either protocol, whole or streamed. Each check returns what is wrong, or undefined.
import { isRecord } from '../../src/util/index.ts'

/** JSON values of the events of a stream; '[DONE]' stands for itself. */
function events(text: string): unknown[] {
  if (!text.endsWith('\n\n')) throw new Error('the stream ends in the middle of an event')
  const data = text.split('\n').filter((line) => line.startsWith('data: '))
  return data.map((line) => (line === 'data: [DONE]' ? '[DONE]' : (JSON.parse(line.slice(6)) as unknown)))
}

interface Said {
  text: string
  finish: string | undefined
}

/** What the pieces of an answer say together. */
function said(values: readonly unknown[], read: (value: Record<string, unknown>) => Said): Said | string {
  const all: Said = { text: '', finish: undefined }
  for (const value of values) {
    if (!isRecord(value)) return `a piece is no object: ${JSON.stringify(value)}`
    if (isRecord(value.error)) return `the stream failed: ${JSON.stringify(value.error)}`
    if (all.finish !== undefined && read(value).text !== '') return 'text came after the end'
    const { text, finish } = read(value)
    all.text += text
    all.finish ??= finish
  }
  return all.finish === undefined ? 'there is no reason for the end' : all
}

/** JSON that came to its end must parse; a cut one need not. */
function checkSaid(all: Said | string, isJson: boolean): string | undefined {
  if (typeof all === 'string') return all
  if (!isJson || !/^stop$/i.test(all.finish ?? '')) return undefined
  try {
    return isRecord(JSON.parse(all.text)) ? undefined : `no object was written: ${all.text.slice(0, 200)}`
  } catch {
    return `no JSON was written: ${all.text.slice(0, 200)}`
  }
}

type Unknowns = Record<string, unknown> | undefined

/** An answer of the Gemini API. */
export function checkGemini(text: string, { stream, json }: { stream: boolean; json: boolean }): string | undefined {
  const read = (value: Record<string, unknown>): Said => {
    const [candidate] = (value.candidates ?? []) as Unknowns[]
    const content = candidate?.content as { parts?: { text?: string }[] } | undefined
    const texts = (content?.parts ?? []).map((part) => part.text ?? '')
    return { text: texts.join(''), finish: candidate?.finishReason as string | undefined }
  }
  return checkSaid(said(stream ? events(text) : [JSON.parse(text)], read), json)
}

/** A chat completion. */
export function checkChat(text: string, { stream, json }: { stream: boolean; json: boolean }): string | undefined {
  const read = (value: Record<string, unknown>): Said => {
    const [choice] = (value.choices ?? []) as Unknowns[]
    const content = (choice?.delta ?? choice?.message) as { content?: string | null } | undefined
    return { text: content?.content ?? '', finish: (choice?.finish_reason as string | null) ?? undefined }
  }
  const values = stream ? events(text) : [JSON.parse(text)]
  if (stream && values.pop() !== '[DONE]') return 'the stream ends without [DONE]'
  return checkSaid(said(values, read), json)
}

/** A response of the Responses API. */
export function checkResponse(text: string, { stream }: { stream: boolean }): string | undefined {
  const last = stream ? events(text).at(-1) : { response: JSON.parse(text) as unknown }
  if (!isRecord(last) || !isRecord(last.response)) return `the stream failed: ${JSON.stringify(last)}`
  const { status } = last.response
  return status === 'completed' || status === 'incomplete' ? undefined : `status is ${String(status)}`
}

/** Vectors of length 1, `count` of them. */
export function checkVectors(vectors: unknown, count: number): string | undefined {
  if (!Array.isArray(vectors) || vectors.length !== count) return `vectors must be ${count}`
  const isUnit = (vector: unknown): boolean =>
    Array.isArray(vector) && Math.abs(Math.hypot(...(vector as number[])) - 1) < 1e-3
  return vectors.every(isUnit) ? undefined : 'a vector has not length 1'
}
