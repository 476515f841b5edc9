// The pages of an Ogg file (RFC 3533), checked without decoding: every page carries a checksum, a number and the time it ends at, and
// the last one says so. Damage and missing ends show here; decoders pass over them.
import { PolluxError } from '../util/index.ts'
import { streamInfo, type FlacHead } from './flac.ts'

/** What the pages say. */
export interface OggSummary {
  codec: 'opus' | 'vorbis' | 'flac'
  /** Samples per channel at `rate`; undefined when the codec's head does not tell. */
  samples: number | undefined
  rate: number | undefined
  /** Of FLAC: its own head. */
  flac?: FlacHead
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let i = 0; i < 8; i++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc >>> 0
})

function fail(what: string): never {
  throw new PolluxError(`ogg: ${what}`)
}

/** Walks the pages; throws PolluxError when one is damaged or missing, or the stream is no sound that is read. */
export function inspectOgg(bytes: Uint8Array): OggSummary {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let summary: OggSummary | undefined
  let stream: { serial: number; next: number; skip: number; end: number } | undefined
  for (let at = 0; at < bytes.length;) {
    const { body, end } = checkPage(bytes, view, at)
    const flags = bytes[at + 5]
    const serial = view.getUint32(at + 14, true)
    if (stream === undefined) {
      if ((flags & 2) === 0) fail(`page at byte ${at} must begin a stream, got one of its middle`)
      const head = headOf(bytes.subarray(body, end))
      summary ??= { ...head, samples: head.rate === undefined ? undefined : 0 }
      if (head.codec !== summary.codec || head.rate !== summary.rate)
        fail('all streams must be of one kind and rate, got others')
      stream = { serial, next: view.getUint32(at + 18, true), skip: head.skip, end: 0 }
    }
    if (serial !== stream.serial) fail('must hold one stream of sound at a time, got several')
    if (view.getUint32(at + 18, true) !== stream.next)
      fail(`page at byte ${at} must be number ${stream.next}, got another`)
    stream.next = (stream.next + 1) >>> 0
    const granule = view.getBigInt64(at + 6, true)
    if (granule > 0n) stream.end = Number(granule)
    if (flags & 4) {
      if (summary?.samples !== undefined) summary.samples += Math.max(0, stream.end - stream.skip)
      stream = undefined
    }
    at = end
  }
  if (summary === undefined || stream !== undefined)
    fail('the last page must end the stream, got none that does: the file is cut short')
  return summary
}

/** Checks a page's size and checksum; gives where its body begins and ends. */
function checkPage(bytes: Uint8Array, view: DataView, at: number): { body: number; end: number } {
  const short = `page at byte ${at} must be whole, got the end of the file: the file is cut short`
  if (at + 27 > bytes.length) fail(short)
  if (view.getUint32(at) !== 0x4f676753 || bytes[at + 4] !== 0)
    fail(`a page must begin at byte ${at}, got other bytes: the file is damaged`)
  const body = at + 27 + bytes[at + 26]
  if (body > bytes.length) fail(short)
  let end = body
  for (let i = at + 27; i < body; i++) end += bytes[i]
  if (end > bytes.length) fail(short)
  let crc = 0
  for (let i = at; i < end; i++) {
    // the checksum counts itself as zeros
    const byte = i >= at + 22 && i < at + 26 ? 0 : bytes[i]
    crc = ((crc << 8) ^ table[(crc >>> 24) ^ byte]) >>> 0
  }
  if (crc !== view.getUint32(at + 22, true)) fail(`page at byte ${at} must match its checksum, got damage`)
  return { body, end }
}

/** Codec, rate and samples to skip at the start, from a stream's first packet. */
function headOf(packet: Uint8Array): Omit<OggSummary, 'samples'> & { skip: number } {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const start = String.fromCharCode(...packet.subarray(0, 8))
  if (start === 'OpusHead' && packet.length >= 19)
    return { codec: 'opus', rate: 48_000, skip: view.getUint16(10, true) }
  if (start.startsWith('\x01vorbis') && packet.length >= 30)
    return { codec: 'vorbis', rate: view.getUint32(12, true), skip: 0 }
  // 9 bytes of mapping and 'fLaC' stand before STREAMINFO
  if (start.startsWith('\x7fFLAC') && packet.length >= 51) {
    const flac = streamInfo(packet, 13)
    return { codec: 'flac', rate: flac.rate, skip: 0, flac }
  }
  return fail(`must hold Opus, Vorbis or FLAC, got '${start.replace(/[^ -~]/g, '?')}'`)
}
