// Documents whose parts lie in files, as an endless source: decoded when their turn comes, shuffled anew each epoch.
//
// What cannot be decoded is noted in the ledger with the file's name and left out from then on; nothing half-read ever
// reaches a batch. Decoded media are kept in memory up to a limit, since an epoch of a small set lasts seconds.
import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeMedia, type Picture, type Sound } from '../media/index.ts'
import { Rng } from '../util/index.ts'
import { augmentPicture, augmentSound, type PictureAugmentation, type SoundAugmentation } from './augment.ts'
import type { CorpusDocument, Part } from './document.ts'
import { dataError, reasonOf } from './errors.ts'
import type { Ledger } from './ledger.ts'
import type { MediaSource } from './mediaLoader.ts'
import type { MediaPart } from './mediaPart.ts'
import { hashIntegers, permute } from './permutation.ts'

export interface MediaFileOptions {
  ledger: Ledger
  /** Folder that relative fileUri are read from, by document; default: the current one. */
  rootOf?: (document: CorpusDocument) => string
  /** Order of the epochs, and the variants of media. Default 0. */
  seed?: number
  /** Vary media each time they are read; left out: as they are. */
  augment?: { picture?: PictureAugmentation; sound?: SoundAugmentation }
  /** Frames a second of a video. Default 1. */
  fps?: number
  /** Decoded media to keep, bytes. Default 512 MiB. */
  cacheBytes?: number
}

/** Largest media file that is read. */
const largestFile = 2 ** 29

/** Reads the media of documents, one document at a time. */
export class MediaReader {
  readonly #options: MediaFileOptions
  readonly #cache = new Map<string, MediaPart>()
  readonly #broken = new Set<CorpusDocument>()
  #cached = 0

  constructor(options: MediaFileOptions) {
    this.#options = options
  }

  /** Decoded parts, or null when one of them cannot be read (the ledger says why). */
  async read(document: CorpusDocument): Promise<MediaPart[] | null> {
    if (this.#broken.has(document)) return null
    const parts: MediaPart[] = []
    for (const part of document.parts) {
      if ('text' in part) {
        parts.push(part)
        continue
      }
      try {
        parts.push(await this.#media(part, document))
      } catch (error) {
        this.#broken.add(document)
        const { path, row } = document.provenance
        const name = 'fileData' in part ? part.fileData.fileUri : `${path} (inlineData)`
        this.#options.ledger.reject(name, reasonOf(error), 'fileData' in part ? undefined : row)
        return null
      }
    }
    return parts
  }

  async #media(part: Exclude<Part, { text: string }>, document: CorpusDocument): Promise<MediaPart> {
    const key = 'fileData' in part ? this.#pathOf(part.fileData.fileUri, document) : null
    const known = key === null ? undefined : this.#cache.get(key)
    const target = part.target === true ? { target: true } : {}
    if (known) return { ...known, ...target }
    const bytes = key === null ? inlineBytes(part) : await fileBytes(key)
    const media = await decodeMedia(bytes, { clip: { fps: this.#options.fps ?? 1, maxFrames: 32 } })
    if (key !== null && this.#cached < (this.#options.cacheBytes ?? 2 ** 29)) {
      this.#cache.set(key, media)
      this.#cached += bytesOf(media)
    }
    return { ...media, ...target }
  }

  #pathOf(uri: string, document: CorpusDocument): string {
    if (/^file:/.test(uri)) return fileURLToPath(uri)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(uri)) throw dataError(`a fileUri must be a path, got ${uri}`, 'fetch it first')
    return isAbsolute(uri) ? uri : resolve(this.#options.rootOf?.(document) ?? '.', uri)
  }
}

/** The documents in an endless order. */
export function mediaFileSource(documents: CorpusDocument[], options: MediaFileOptions): MediaSource {
  const reader = new MediaReader(options)
  const { seed = 0, augment } = options
  const n = documents.length
  if (n === 0) throw dataError('a source of media must hold a document, got none')
  return {
    fingerprint: String(hashIntegers(n, seed, ...documents.map(({ hash }) => Number.parseInt(hash.slice(0, 8), 16)))),
    async document(index) {
      const epoch = Math.floor(index / n)
      const parts = await reader.read(documents[permute(index % n, n, hashIntegers(seed, epoch))])
      if (parts === null || !augment) return parts
      const rng = new Rng(hashIntegers(seed, index, 7))
      return parts.map((part) => vary(part, rng, augment))
    },
  }
}

/** Variants of what is read; what is to be predicted stays as it is. */
function vary(part: MediaPart, rng: Rng, augment: NonNullable<MediaFileOptions['augment']>): MediaPart {
  if ('picture' in part && !part.target && augment.picture) {
    return { ...part, picture: augmentPicture(part.picture, rng, augment.picture) }
  }
  if ('sound' in part && !part.target && augment.sound) {
    return { ...part, sound: augmentSound(part.sound, rng, augment.sound) }
  }
  return part
}

async function fileBytes(path: string): Promise<Uint8Array> {
  const { size } = await stat(path)
  if (size > largestFile)
    throw dataError(`a media file must be at most ${largestFile / 2 ** 20} MiB, got ${size} bytes`)
  return readFile(path)
}

function inlineBytes(part: Exclude<Part, { text: string }>): Uint8Array {
  if (!('inlineData' in part)) return new Uint8Array(0)
  const { data } = part.inlineData
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(data)) throw dataError('inlineData must be base64, got other characters')
  return Buffer.from(data, 'base64')
}

function bytesOf(media: MediaPart): number {
  const picture = (p: Picture): number => p.data.byteLength
  const sound = (s: Sound): number => s.samples.byteLength
  if ('picture' in media) return picture(media.picture)
  if ('sound' in media) return sound(media.sound)
  if (!('clip' in media)) return 0
  const { clip } = media
  return clip.frames.reduce((sum, frame) => sum + picture(frame.picture), clip.sound ? sound(clip.sound) : 0)
}
