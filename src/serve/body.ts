// Bodies of requests, read with a bound on their size and, for JSON, on their depth.
import type { IncomingMessage } from 'node:http'
import { isRecord } from '../util/index.ts'
import { ServeError } from './serveError.ts'

/** Deepest nesting of a JSON body: what walks over it later may recurse. */
const deepest = 200

/** The body's bytes. @throws ServeError tooLarge beyond `limit`, cancelled when the client goes */
export async function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of bodyChunks(request, limit)) {
    parts.push(part)
    bytes += part.length
  }
  return Buffer.concat(parts, bytes)
}

/**
 * The body piece by piece. What is left of it when reading ends early is thrown away as it comes: the client then finds its answer,
 * where a closed connection would lose it. @throws ServeError as readBytes
 */
export async function* bodyChunks(request: IncomingMessage, limit: number): AsyncGenerator<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limit) throw tooLarge(limit, announced)
  let bytes = 0
  try {
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += part.length
      if (bytes > limit) throw tooLarge(limit, bytes)
      yield part
    }
  } catch (cause) {
    if (cause instanceof ServeError) throw cause
    throw new ServeError('cancelled', 'The body ended before its time.', { cause })
  } finally {
    if (!request.readableEnded) request.resume()
  }
}

function tooLarge(limit: number, bytes: number): ServeError {
  return new ServeError('tooLarge', `The body must be at most ${limit} bytes, got ${bytes}.`)
}

/** A JSON object; nothing counts as {}. @throws ServeError invalid, tooLarge */
export async function readJson(request: IncomingMessage, limit: number): Promise<Record<string, unknown>> {
  return parseJson(await readBytes(request, limit))
}

/** A JSON object from bytes. @throws ServeError invalid */
export function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (text.trim() === '') return {}
    checkDepth(text)
    value = JSON.parse(text)
  } catch (cause) {
    if (cause instanceof ServeError) throw cause
    const reason = cause instanceof SyntaxError ? cause.message : 'not UTF-8'
    throw new ServeError('invalid', `Invalid JSON payload received. ${reason}`, { cause })
  }
  if (!isRecord(value)) throw new ServeError('invalid', 'Invalid JSON payload received. The body must be an object.')
  return value
}

function checkDepth(text: string): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) i = stringEnd(text, i)
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > deepest) throw new ServeError('invalid', `The body must nest at most ${deepest} levels deep.`)
    } else if (code === 0x7d || code === 0x5d) depth--
  }
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ;) {
    at = text.indexOf('"', at)
    if (at < 0) return text.length
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return at
    at++
  }
}
