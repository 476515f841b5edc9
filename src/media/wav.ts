// WAV files: written as 16-bit PCM, read in the forms that are about.
//
// A WAV file is RIFF: chunks of a four-letter name, a length and a body, little-endian, padded to even lengths. Every length is
// held against the bytes that are there. A data chunk that runs past the end of the file is an error, with two
// exceptions that writers into pipes leave behind: a length of 0xffffffff, or of 0 as the last chunk, means up to the end.
import { PolluxError } from '../util/index.ts'
import { checkSound } from './check.ts'
import type { Sound } from './types.ts'

/** A mono WAV file with 16-bit samples. Samples outside [-1, 1] are clipped, NaN becomes 0. */
export function encodeWav(sound: Sound): Uint8Array {
  checkSound('encodeWav', sound)
  const { rate, samples } = sound
  const bytes = new Uint8Array(44 + samples.length * 2)
  const view = new DataView(bytes.buffer)
  const name = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at)
  name(0, 'RIFF')
  view.setUint32(4, bytes.length - 8, true)
  name(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, rate, true)
  view.setUint32(28, rate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  name(36, 'data')
  view.setUint32(40, samples.length * 2, true)
  for (let i = 0; i < samples.length; i++)
    view.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(32767 / 32768, samples[i])) * 32768), true)
  return bytes
}

interface Format {
  float: boolean
  channels: number
  rate: number
  bits: number
}

const fail = (what: string): never => {
  throw new PolluxError(`decodeWav: ${what}`)
}

/**
 * A WAV file as mono sound at its own rate; several channels are averaged.
 * PCM of 8 (unsigned), 16, 24 and 32 bits and float of 32 and 64 bits, plain or WAVE_FORMAT_EXTENSIBLE. Throws PolluxError
 * for anything else, for lengths that do not fit, for no samples, and for samples that are not finite.
 */
export function decodeWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4))
  if (bytes.length < 12 || name(0) !== 'RIFF' || name(8) !== 'WAVE')
    fail(`must begin with RIFF....WAVE, got ${bytes.length} bytes that do not`)
  let format: Format | undefined
  for (let at = 12; at + 8 <= bytes.length;) {
    const chunk = name(at)
    const left = bytes.length - at - 8
    let length = view.getUint32(at + 4, true)
    const isData = chunk === 'data'
    if (isData && (length === 0xffffffff || (length === 0 && left > 0 && !isChunkName(bytes, at + 8)))) length = left
    if (length > left)
      fail(`chunk '${printable(chunk)}' must have ${length} bytes, got ${left}: the file is cut short or damaged`)
    if (chunk === 'fmt ') format = readFormat(view, at + 8, length)
    if (isData) {
      if (format === undefined) return fail('must have a fmt chunk before its data, got none')
      return readSamples(view, at + 8, length, format)
    }
    at += 8 + length + (length % 2)
  }
  return fail('must have a data chunk, got none: the file is cut short or damaged')
}

const printable = (text: string) => text.replace(/[^ -~]/g, '?')

/** True where four letters stand that could name a chunk. */
function isChunkName(bytes: Uint8Array, at: number): boolean {
  return bytes.length >= at + 8 && bytes.subarray(at, at + 4).every((byte) => byte >= 32 && byte < 127)
}

function readFormat(view: DataView, at: number, length: number): Format {
  if (length < 16) fail(`fmt chunk must have at least 16 bytes, got ${length}`)
  let tag = view.getUint16(at, true)
  const channels = view.getUint16(at + 2, true)
  const rate = view.getUint32(at + 4, true)
  const block = view.getUint16(at + 12, true)
  const bits = view.getUint16(at + 14, true)
  if (tag === 0xfffe) {
    if (length < 40) fail(`extensible fmt chunk must have 40 bytes, got ${length}`)
    // the sub-format is a GUID whose first two bytes are the plain tag
    tag = view.getUint16(at + 24, true)
  }
  const known = (tag === 1 && [8, 16, 24, 32].includes(bits)) || (tag === 3 && [32, 64].includes(bits))
  if (!known)
    fail(`samples must be PCM of 8, 16, 24 or 32 bits or float of 32 or 64, got format ${tag} of ${bits} bits`)
  if (channels < 1 || channels > 64) fail(`channels must be 1 to 64, got ${channels}`)
  if (rate < 1 || rate > 1_000_000) fail(`rate must be 1 to 1000000 Hz, got ${rate}`)
  if (block !== (channels * bits) / 8) fail(`block size must be ${(channels * bits) / 8} bytes, got ${block}`)
  return { float: tag === 3, channels, rate, bits }
}

function readSamples(view: DataView, at: number, length: number, format: Format): Sound {
  const { channels, rate, bits, float } = format
  const width = bits / 8
  const count = Math.floor(length / (width * channels))
  if (count === 0) fail(`must have at least one sample, got ${length} bytes of them`)
  const read = reader(view, bits, float)
  const samples = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    let sum = 0
    for (let c = 0; c < channels; c++) sum += read(at + (i * channels + c) * width)
    const sample = sum / channels
    if (!(Math.abs(sample) < 1e6)) fail(`samples must be finite numbers about [-1, 1], got ${sample} at ${i}`)
    samples[i] = sample
  }
  return { rate, samples }
}

/** Reads one sample at a byte. */
function reader(view: DataView, bits: number, float: boolean): (at: number) => number {
  if (float) return bits === 32 ? (at) => view.getFloat32(at, true) : (at) => view.getFloat64(at, true)
  if (bits === 8) return (at) => (view.getUint8(at) - 128) / 128
  if (bits === 16) return (at) => view.getInt16(at, true) / 0x8000
  if (bits === 24) return (at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 0x10000) / 0x800000
  return (at) => view.getInt32(at, true) / 0x80000000
}
