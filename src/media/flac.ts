// The head of a FLAC file: how much sound it holds and the MD5 of the samples, so that damage is seen. A decoder replaces a frame
// whose checksum is wrong by silence and says nothing.
import { PolluxError } from '../util/index.ts'
import { skipId3 } from './mp3.ts'

/** STREAMINFO of a FLAC file. */
export interface FlacHead {
  rate: number
  channels: number
  bits: number
  /** Samples per channel; 0: not known. */
  samples: number
  /** 32 hex digits over the samples as little-endian whole numbers; undefined: not known. */
  md5: string | undefined
}

/** Reads STREAMINFO; throws PolluxError when it is missing or impossible. */
export function inspectFlac(bytes: Uint8Array): FlacHead {
  const at = skipId3(bytes)
  // 'fLaC', then a block of type 0 with 34 bytes
  if (at + 42 > bytes.length) throw new PolluxError(`flac: must have a head of 42 bytes, got ${bytes.length - at}`)
  return streamInfo(bytes, at + 4)
}

/** STREAMINFO with its block header at `at`, where 38 bytes must be. */
export function streamInfo(bytes: Uint8Array, at: number): FlacHead {
  if ((bytes[at] & 127) !== 0) throw new PolluxError(`flac: must begin with STREAMINFO, got block ${bytes[at] & 127}`)
  const body = bytes.subarray(at + 4, at + 38)
  const rate = (body[10] << 12) | (body[11] << 4) | (body[12] >> 4)
  const channels = ((body[12] >> 1) & 7) + 1
  const bits = (((body[12] & 1) << 4) | (body[13] >> 4)) + 1
  const samples = (body[13] & 15) * 2 ** 32 + ((body[14] << 24) | (body[15] << 16) | (body[16] << 8) | body[17]) / 1
  const md5 = Buffer.from(body.subarray(18, 34)).toString('hex')
  if (rate === 0) throw new PolluxError('flac: rate must be above 0 Hz, got 0')
  return {
    rate,
    channels,
    bits,
    samples: samples < 0 ? samples + 2 ** 32 : samples,
    md5: /^0+$/.test(md5) ? undefined : md5,
  }
}
