// What a file is, from its first bytes. Names lie: they are not looked at.
import { firstMp3Frame, skipId3 } from './mp3.ts'

/** Kinds of files that are read. */
export type MediaFormat =
  'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff' | 'wav' | 'mp3' | 'flac' | 'ogg' | 'm4a' | 'mp4' | 'webm'

/** A kind of file that is read. */
export interface MediaType {
  format: MediaFormat
  /** What decoding gives; an mp4 or webm without pictures gives a sound all the same. */
  kind: 'picture' | 'sound' | 'clip'
  mime: string
  /** Endings of file names, the usual one first. */
  endings: readonly string[]
}

/** Every kind of file that is read. */
export const mediaTypes: readonly MediaType[] = [
  { format: 'jpeg', kind: 'picture', mime: 'image/jpeg', endings: ['.jpg', '.jpeg'] },
  { format: 'png', kind: 'picture', mime: 'image/png', endings: ['.png'] },
  { format: 'webp', kind: 'picture', mime: 'image/webp', endings: ['.webp'] },
  { format: 'gif', kind: 'picture', mime: 'image/gif', endings: ['.gif'] },
  { format: 'avif', kind: 'picture', mime: 'image/avif', endings: ['.avif'] },
  { format: 'tiff', kind: 'picture', mime: 'image/tiff', endings: ['.tif', '.tiff'] },
  { format: 'wav', kind: 'sound', mime: 'audio/wav', endings: ['.wav'] },
  { format: 'mp3', kind: 'sound', mime: 'audio/mpeg', endings: ['.mp3'] },
  { format: 'flac', kind: 'sound', mime: 'audio/flac', endings: ['.flac'] },
  { format: 'ogg', kind: 'sound', mime: 'audio/ogg', endings: ['.ogg', '.oga', '.opus'] },
  { format: 'm4a', kind: 'sound', mime: 'audio/mp4', endings: ['.m4a', '.m4b'] },
  { format: 'mp4', kind: 'clip', mime: 'video/mp4', endings: ['.mp4', '.m4v', '.mov'] },
  { format: 'webm', kind: 'clip', mime: 'video/webm', endings: ['.webm', '.mkv'] },
]

const typeOf = new Map(mediaTypes.map((type) => [type.format, type]))

/** Files that are known and not read, for an error that helps: first bytes and name. */
const others: readonly [string, string][] = [
  ['%PDF-', 'a PDF'],
  ['BM', 'a BMP picture'],
  ['FORM', 'an AIFF sound'],
  ['.snd', 'an AU sound'],
  ['MThd', 'a MIDI file'],
  ['PK\x03\x04', 'a ZIP file'],
  ['\x1f\x8b', 'a gzip file'],
  ['<svg', 'an SVG drawing'],
  ['<?xml', 'an XML file'],
  ['#!AMR', 'an AMR sound'],
  ['\x00\x00\x01\xba', 'an MPEG program stream'],
  ['FLV', 'an FLV clip'],
  ['\x30\x26\xb2\x75', 'a Windows Media file'],
]

const letters = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))

/** The type of a file that begins with these bytes (the whole file, or at least its first 64 KiB); undefined: none that is read. */
export function sniff(bytes: Uint8Array): MediaType | undefined {
  const format = formatOf(bytes)
  return format === undefined ? undefined : typeOf.get(format)
}

/** What a file is that `sniff` has no type for, in words. */
export function describeUnknown(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file'
  const head = letters(bytes, 0, 12)
  if (head.startsWith('RIFF')) return `a RIFF file of type '${head.slice(8).replace(/[^ -~]/g, '?')}'`
  if (head.slice(4, 8) === 'ftyp') return `an ISO media file of brand '${head.slice(8).replace(/[^ -~]/g, '?')}'`
  const known = others.find(([start]) => head.startsWith(start))
  if (known !== undefined) return known[1]
  const hex = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0'))
  return `${bytes.length} bytes that begin with ${hex.join(' ')}`
}

function formatOf(bytes: Uint8Array): MediaFormat | undefined {
  const head = letters(bytes, 0, 16)
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg'
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png'
  if (/^GIF8[79]a/.test(head)) return 'gif'
  if (head.startsWith('II*\x00') || head.startsWith('MM\x00*')) return 'tiff'
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'webp'
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WAVE') return 'wav'
  if (head.startsWith('OggS')) return 'ogg'
  if (head.startsWith('\x1aE\xdf\xa3')) return 'webm'
  if (head.slice(4, 8) === 'ftyp') return isoFormat(bytes)
  const start = skipId3(bytes)
  if (letters(bytes, start, start + 4) === 'fLaC') return 'flac'
  // a long tag may hide the first frame from whoever shows the head of a file only: then it is taken for the usual case
  if (start > bytes.length || firstMp3Frame(bytes) !== undefined) return 'mp3'
  return undefined
}

/** ISO media by brand; a plain brand without a video track near the start is sound all the same, which decoding finds. */
function isoFormat(bytes: Uint8Array): MediaFormat | undefined {
  const end = Math.min(bytes.length, new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), 256)
  const brands = [letters(bytes, 8, 12)]
  for (let at = 16; at + 4 <= end; at += 4) brands.push(letters(bytes, at, at + 4))
  if (brands[0] === 'avif' || brands[0] === 'avis') return 'avif'
  if (/^(heic|heix|hevc|mif1|msf1|crx )/.test(brands[0])) return brands.includes('avif') ? 'avif' : undefined
  if (/^(M4A|M4B)/.test(brands[0])) return 'm4a'
  return brands.some((brand) => /^(iso|mp4|avc1|M4V|qt {2}|3gp|3g2|dash|cmf|MSNV|f4v)/.test(brand)) ? 'mp4' : undefined
}
