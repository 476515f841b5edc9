// Files of conversations: kept as blobs beside the messages, which hold only a reference.
//
// A picture as base64 inside a message would be written to disk again with every word of an answer.
import { uploadFile } from '../api/gemini.ts'
import type { MediaRef, Part } from '../api/geminiTypes.ts'
import { readOne, write } from '../lib/database.ts'
import { newId } from '../lib/id.ts'
import { Store } from '../lib/store.ts'

interface KeptMedia {
  id: string
  blob: Blob
}

/** Object URLs of files that were opened; a store, since they are read from disk when first shown. */
export const addresses = new Store<ReadonlyMap<string, string>>(new Map())
const blobs = new Map<string, Blob>()
const opening = new Set<string>()
/** Files sent by upload, which the server keeps for some time. */
const uploaded = new Map<string, { uri: string; at: number }>()

/** Above this a file goes by upload instead of inside the request. */
const inlineBytes = 8 << 20
const uploadLastsMs = 40 * 3600_000

/** Kinds that the model may be able to read. */
export function isMedia(mimeType: string): boolean {
  return /^(image|audio|video)\//.test(mimeType)
}

/** Takes in a file. A type the browser does not know is told by the name's ending. */
export function keepMedia(blob: Blob, name: string): MediaRef {
  const mimeType = blob.type === '' ? typeOf(name) : blob.type.replace(/;.*$/, '')
  const media = { id: newId(), mimeType, name, bytes: blob.size }
  show(media.id, blob)
  void write('media', { id: media.id, blob } satisfies KeptMedia as { id: string }).catch(() => {})
  return media
}

function typeOf(name: string): string {
  const types: Record<string, string> = {
    flac: 'audio/flac',
    opus: 'audio/ogg',
    mkv: 'video/x-matroska',
    avif: 'image/avif',
  }
  return types[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream'
}

function show(id: string, blob: Blob): void {
  blobs.set(id, blob)
  addresses.update((map) => new Map(map).set(id, URL.createObjectURL(blob)))
}

/** The address of a file for src=; undefined until it is read, when `addresses` tells. */
export function addressOf({ id }: MediaRef): string | undefined {
  const address = addresses.value.get(id)
  if (address === undefined && !opening.has(id)) {
    opening.add(id)
    void blobOf(id)
  }
  return address
}

async function blobOf(id: string): Promise<Blob | undefined> {
  const known = blobs.get(id)
  if (known !== undefined) return known
  const kept = await readOne<KeptMedia>('media', id)
  if (kept !== undefined && !blobs.has(id)) show(id, kept.blob)
  return kept?.blob
}

/** A file as a part of a request: inside it, or by its address on the server after an upload. */
export async function mediaPart(media: MediaRef, signal?: AbortSignal): Promise<Part> {
  const blob = await blobOf(media.id)
  if (blob === undefined) throw new Error(`${media.name} is no longer kept in this browser; remove it from the message`)
  if (blob.size <= inlineBytes) return { inlineData: { mimeType: media.mimeType, data: await toBase64(blob) } }
  const sent = uploaded.get(media.id)
  if (sent !== undefined && Date.now() - sent.at < uploadLastsMs) {
    return { fileData: { mimeType: media.mimeType, fileUri: sent.uri } }
  }
  const fileUri = await uploadFile(blob, media.mimeType, media.name, signal)
  uploaded.set(media.id, { uri: fileUri, at: Date.now() })
  return { fileData: { mimeType: media.mimeType, fileUri } }
}

/** The server lost its files (it was started anew). */
export function forgetUploads(): void {
  uploaded.clear()
}

/** What the model drew or spoke becomes a file of the conversation. */
export function keepInline(parts: readonly Part[]): Part[] {
  return parts.map(({ inlineData, ...part }) => {
    if (inlineData === undefined) return part
    const bytes = Uint8Array.from(atob(inlineData.data), (char) => char.charCodeAt(0))
    const ending = inlineData.mimeType.slice(inlineData.mimeType.indexOf('/') + 1)
    return { ...part, media: keepMedia(new Blob([bytes], { type: inlineData.mimeType }), `answer.${ending}`) }
  })
}

async function toBase64(blob: Blob): Promise<string> {
  const reader = new FileReader()
  return new Promise((resolve, reject) => {
    reader.onload = () => {
      const address = String(reader.result)
      resolve(address.slice(address.indexOf(',') + 1))
    }
    reader.onerror = () => reject(reader.error ?? new Error('the file could not be read'))
    reader.readAsDataURL(blob)
  })
}
