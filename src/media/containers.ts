// The outer boxes of MP4 and WebM files, checked against the size of the file: a demuxer reads what is there of a file that was cut short,
// and reports a shorter film.
import { PolluxError } from '../util/index.ts'

/** Tracks of an MP4 file. */
export interface Mp4Summary {
  hasVideo: boolean
  hasSound: boolean
  /** Length of the longest sound track; undefined where the file does not say. */
  soundSeconds: number | undefined
}

interface Box {
  type: string
  /** First byte of the body, and the byte behind it. */
  from: number
  to: number
}

/** The boxes between two offsets; throws when one reaches beyond. Up to 7 bytes behind the last one are let pass. */
function boxes(bytes: Uint8Array, from: number, to: number): Box[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: Box[] = []
  for (let at = from; at + 8 <= to;) {
    let size = view.getUint32(at)
    let head = 8
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (size === 1 && at + 16 <= to) {
      size = Number(view.getBigUint64(at + 8))
      head = 16
    } else if (size === 0) size = to - at
    if (size < head || at + size > to) {
      const name = type.replace(/[^ -~]/g, '?')
      throw new PolluxError(
        `mp4: box '${name}' at byte ${at} must have ${size} bytes, got ${to - at}: the file is cut short or damaged`,
      )
    }
    found.push({ type, from: at + head, to: at + size })
    at += size
  }
  return found
}

/** Checks that the boxes of an MP4 file are whole and tells what tracks it has; throws PolluxError otherwise. */
export function inspectMp4(bytes: Uint8Array): Mp4Summary {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const inside = (box: Box | undefined, type: string): Box[] =>
    box === undefined ? [] : boxes(bytes, box.from, box.to).filter((child) => child.type === type)
  const top = boxes(bytes, 0, bytes.length)
  const moov = top.find(({ type }) => type === 'moov')
  if (moov === undefined)
    throw new PolluxError("mp4: must have a box 'moov', got none: the file is cut short or damaged")
  if (!top.some(({ type }) => type === 'mdat')) throw new PolluxError("mp4: must have a box 'mdat', got none")
  const summary: Mp4Summary = { hasVideo: false, hasSound: false, soundSeconds: undefined }
  for (const track of inside(moov, 'trak')) {
    const media = inside(track, 'mdia').at(0)
    const handler = inside(media, 'hdlr').at(0)
    if (handler === undefined || handler.to - handler.from < 12) continue
    const kind = String.fromCharCode(...bytes.subarray(handler.from + 8, handler.from + 12))
    if (kind === 'vide') summary.hasVideo = true
    if (kind !== 'soun') continue
    summary.hasSound = true
    const header = inside(media, 'mdhd').at(0)
    if (header === undefined || header.to - header.from < 32 + (bytes[header.from] === 1 ? 4 : -8)) continue
    const isLong = bytes[header.from] === 1
    const scale = view.getUint32(header.from + (isLong ? 20 : 12))
    const length = isLong ? Number(view.getBigUint64(header.from + 24)) : view.getUint32(header.from + 16)
    if (scale > 0 && length > 0) summary.soundSeconds = Math.max(summary.soundSeconds ?? 0, length / scale)
  }
  return summary
}

/** Checks that the segment of a WebM or Matroska file is whole; throws PolluxError otherwise. */
export function inspectWebm(bytes: Uint8Array): void {
  const head = element(bytes, 0)
  if (head === undefined || head.size === undefined)
    throw new PolluxError('webm: must begin with an EBML head, got none')
  for (let at = head.body + head.size; ;) {
    const next = element(bytes, at)
    if (next === undefined)
      throw new PolluxError('webm: must have a segment, got none: the file is cut short or damaged')
    const isSegment = next.id === 0x18538067
    // a live recording does not know its size
    if (isSegment && next.size === undefined) return
    const end = next.body + (next.size ?? 0)
    if (end > bytes.length)
      throw new PolluxError(`webm: must have ${end} bytes, got ${bytes.length}: the file is cut short or damaged`)
    if (isSegment) return
    at = end
  }
}

/** The EBML element at an offset; size undefined: unknown. */
function element(bytes: Uint8Array, at: number): { id: number; size: number | undefined; body: number } | undefined {
  const idLength = at < bytes.length ? Math.clz32(bytes[at]) - 23 : 99
  if (idLength > 4 || at + idLength >= bytes.length) return undefined
  let id = 0
  for (let i = 0; i < idLength; i++) id = id * 256 + bytes[at + i]
  const from = at + idLength
  const sizeLength = Math.clz32(bytes[from]) - 23
  if (sizeLength > 8 || from + sizeLength > bytes.length) return undefined
  let size = bytes[from] & (0xff >> sizeLength)
  let isUnknown = size === 0xff >> sizeLength
  for (let i = 1; i < sizeLength; i++) {
    size = size * 256 + bytes[from + i]
    isUnknown &&= bytes[from + i] === 0xff
  }
  return { id, size: isUnknown ? undefined : size, body: from + sizeLength }
}
