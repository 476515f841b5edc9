// Media of a request as tokens of a prompt: bytes are decoded, fitted to the tokens that the resolution allows, and encoded.
//
// A conversation sends its pictures again with every turn, so what was encoded is kept for a while, by the hash of its bytes.
import { createHash } from 'node:crypto'
import { type EncodedDocument, MediaEncoder, type MediaPart } from '../../data/index.ts'
import { decodeMedia } from '../../media/index.ts'
import { PolluxError } from '../../util/index.ts'
import type { ChatPart, ChatUsage, MediaResolution } from '../chat.ts'
import { ServeError } from '../serveError.ts'
import type { MediaTokens } from './promptWriter.ts'

export type MediaChatPart = Extract<ChatPart, { kind: 'media' }>

/** Shares of a model's usual tokens a picture. */
const shares: Record<MediaResolution, number> = { low: 0.25, medium: 0.5, high: 1, ultraHigh: 2 }

/** Bytes of encoded media that are kept. */
const keptBytes = 64 * 2 ** 20

/** Most frames of a clip. */
const maxFrames = 256

export class MediaReader {
  readonly #encoder: MediaEncoder
  readonly #places: number
  readonly #encoders = new Map<string, MediaEncoder>()
  readonly #kept = new Map<string, MediaTokens>()
  #bytes = 0

  /** @param places of the model's position table: a row of a picture may have as many soft tokens */
  constructor(encoder: MediaEncoder, places: number) {
    this.#encoder = encoder
    this.#places = places
  }

  /** Tokens of a part. @throws ServeError invalid for a file that cannot be read, saying what is wrong with it */
  async read(part: MediaChatPart, resolution: MediaResolution = 'high'): Promise<MediaTokens> {
    const used = part.resolution ?? resolution
    const key = JSON.stringify([createHash('sha256').update(part.bytes).digest('base64'), used, part.clip ?? null])
    const kept = this.#kept.get(key)
    if (kept) {
      // the latest used are last
      this.#kept.delete(key)
      this.#kept.set(key, kept)
      return kept
    }
    const tokens = await this.#encode(part, used)
    this.#keep(key, tokens)
    return tokens
  }

  async #encode(part: MediaChatPart, resolution: MediaResolution): Promise<MediaTokens> {
    const media = await decode(part)
    const encoder = this.#encoderOf(resolution)
    return withoutOpening(await encoder.encode([media], { prompt: true }), kindOf(media))
  }

  #encoderOf(resolution: MediaResolution): MediaEncoder {
    let encoder = this.#encoders.get(resolution)
    if (!encoder) {
      const { shape } = this.#encoder.options
      const fit = (tokens: number): number => {
        const wanted = Math.max(1, Math.round(tokens * shares[resolution]))
        return Math.min(wanted, Math.max(tokens, this.#places))
      }
      const fitted = { ...shape, imageTokens: fit(shape.imageTokens), frameTokens: fit(shape.frameTokens) }
      encoder = new MediaEncoder({ ...this.#encoder.options, shape: fitted })
      this.#encoders.set(resolution, encoder)
    }
    return encoder
  }

  #keep(key: string, tokens: MediaTokens): void {
    const bytes = bytesOf(tokens)
    if (bytes > keptBytes / 4) return
    this.#kept.set(key, tokens)
    this.#bytes += bytes
    for (const [oldest, value] of this.#kept) {
      if (this.#bytes <= keptBytes) break
      this.#kept.delete(oldest)
      this.#bytes -= bytesOf(value)
    }
  }
}

function bytesOf({ ids, pictures, sounds }: MediaTokens): number {
  return [...pictures, ...sounds].reduce((sum, { features }) => sum + features.byteLength, ids.byteLength)
}

async function decode({ bytes, mimeType, clip = {} }: MediaChatPart): Promise<MediaPart> {
  try {
    const { fps, start, end } = clip
    return await decodeMedia(bytes, { clip: { maxFrames, ...defined({ fps, start, end }) } })
  } catch (cause) {
    if (!(cause instanceof PolluxError)) throw cause
    const reason = cause.message.replace(/^\w+: /, '')
    throw new ServeError('invalid', `Unable to process input ${mimeType || 'media'}: ${reason}`, { cause })
  }
}

function defined<T extends Record<string, unknown>>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}

function kindOf(media: MediaPart): 'image' | 'audio' | 'video' {
  return 'picture' in media ? 'image' : 'sound' in media ? 'audio' : 'video'
}

/** An encoded document of one part, without the token that opens documents. Sound of a clip counts as audio. */
function withoutOpening(
  { ids, blockEnd, pictures, sounds }: EncodedDocument,
  kind: 'image' | 'audio' | 'video',
): MediaTokens {
  const moved = <T extends { start: number }>(span: T): T => ({ ...span, start: span.start - 1 })
  const count = ids.length - 1
  const heard = kind === 'video' ? sounds.reduce((sum, span) => sum + span.count, 0) : 0
  const counts: ChatUsage['prompt'] = { [kind]: count - heard, ...(heard > 0 ? { audio: heard } : {}) }
  return {
    ids: ids.slice(1),
    blockEnd: blockEnd.slice(1).map((place) => place - 1),
    pictures: pictures.map(moved),
    sounds: sounds.map(moved),
    counts,
  }
}
