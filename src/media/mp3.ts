// The frames of an MP3 file, counted without decoding.
//
// An MP3 file has no length of its own: decoders play what they find. Walking from header to header shows a file that ends
// within a frame or has foreign bytes between frames; the count of the Xing/Info header, where there is one, shows missing frames.
import { PolluxError } from '../util/index.ts'

/** What the frames add up to. */
export interface Mp3Summary {
  rate: number
  /** Samples per channel of all frames, before a decoder cuts the encoder's delay and padding. */
  samples: number
}

interface Frame {
  bytes: number
  samples: number
  rate: number
  /** Bytes of side information before the Xing header. */
  side: number
}

const bitrates1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
const bitrates2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
const rates = [44_100, 48_000, 32_000]

/** Offset behind leading ID3v2 tags; may lie past the end of what is there. */
export function skipId3(bytes: Uint8Array, at = 0): number {
  while (at + 10 <= bytes.length && bytes[at] === 0x49 && bytes[at + 1] === 0x44 && bytes[at + 2] === 0x33) {
    const [a, b, c, d] = bytes.subarray(at + 6, at + 10)
    const footer = (bytes[at + 5] & 0x10) !== 0 ? 10 : 0
    at += 10 + (((a & 127) << 21) | ((b & 127) << 14) | ((c & 127) << 7) | (d & 127)) + footer
  }
  return at
}

/** The layer III frame whose header is at `at`. */
function frameAt(bytes: Uint8Array, at: number): Frame | undefined {
  if (at + 4 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1] & 0xe6) !== 0xe2) return undefined
  const version = (bytes[at + 1] >> 3) & 3
  const bitrateIndex = bytes[at + 2] >> 4
  const rateIndex = (bytes[at + 2] >> 2) & 3
  if (version === 1 || bitrateIndex === 0 || bitrateIndex === 15 || rateIndex === 3) return undefined
  const isFirst = version === 3
  const rate = rates[rateIndex] / (isFirst ? 1 : version === 2 ? 2 : 4)
  const bitrate = (isFirst ? bitrates1 : bitrates2)[bitrateIndex] * 1000
  const samples = isFirst ? 1152 : 576
  const padding = (bytes[at + 2] >> 1) & 1
  const isMono = bytes[at + 3] >> 6 === 3
  const side = isFirst ? (isMono ? 17 : 32) : isMono ? 9 : 17
  return { bytes: Math.floor((samples * bitrate) / 8 / rate) + padding, samples, rate, side }
}

/** Offset of the first frame: one that another frame of the same rate, or the end, follows. At most 64 KiB of junk before it. */
export function firstMp3Frame(bytes: Uint8Array): number | undefined {
  const start = skipId3(bytes)
  for (let at = start; at < Math.min(bytes.length, start + 65_536); at++) {
    const frame = frameAt(bytes, at)
    if (frame === undefined) continue
    const next = at + frame.bytes
    if (next === bytes.length || frameAt(bytes, next)?.rate === frame.rate) return at
    // junk that looks like one header is no file of one frame
    if (at === start && next < bytes.length && isTail(bytes, next)) return at
  }
  return undefined
}

/** True where the sound has ended: tags of other kinds, or only zeros. */
function isTail(bytes: Uint8Array, at: number): boolean {
  const head = String.fromCharCode(...bytes.subarray(at, at + 11))
  return /^(TAG|APETAGEX|LYRICSBEGIN)/.test(head) || bytes.subarray(at).every((byte) => byte === 0)
}

/** Counts the frames; throws PolluxError when the file is damaged or cut short. */
export function inspectMp3(bytes: Uint8Array): Mp3Summary {
  const first = firstMp3Frame(bytes)
  const head = first === undefined ? undefined : frameAt(bytes, first)
  if (first === undefined || head === undefined) throw new PolluxError('mp3: must have frames of sound, got none')
  const announced = xingFrames(bytes, first, head)
  let samples = 0
  let frames = 0
  for (let at = first; at < bytes.length && !isTail(bytes, at); frames++) {
    at = skipId3(bytes, at)
    const frame = frameAt(bytes, at)
    if (frame === undefined || frame.rate !== head.rate)
      throw new PolluxError(`mp3: frame ${frames} must begin at byte ${at}, got other bytes: the file is damaged`)
    at += frame.bytes
    if (at > bytes.length)
      throw new PolluxError(`mp3: frame ${frames} must end at byte ${at}, got ${bytes.length}: the file is cut short`)
    samples += frame.samples
  }
  if (announced !== undefined) {
    samples -= head.samples
    if (frames - 1 < announced)
      throw new PolluxError(`mp3: must have ${announced} frames, got ${frames - 1}: the file is cut short`)
  }
  if (samples === 0) throw new PolluxError('mp3: must have frames of sound, got none')
  return { rate: head.rate, samples }
}

/** Frames after the first that a Xing or Info header in the first frame announces; 0 when it does not say. */
function xingFrames(bytes: Uint8Array, first: number, frame: Frame): number | undefined {
  const at = first + 4 + frame.side
  const name = String.fromCharCode(...bytes.subarray(at, at + 4))
  if ((name !== 'Xing' && name !== 'Info') || at + 12 > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(at + 4) & 1 ? view.getUint32(at + 8) : 0
}
