// Decodes compressed sound in a thread of its own, one file a message.
//
// The decoders are WebAssembly builds of C libraries. What a broken file does to them (an abort, an endless loop, hours of silence from a few
// bytes) stays in this thread, which soundThread.ts ends.
import { createHash, type Hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import decode, { type AudioData } from 'audio-decode'

/** A file to decode. */
export interface SoundRequest {
  codec: 'mp3' | 'flac' | 'opus' | 'oga' | 'm4a'
  bytes: Uint8Array
  maxSeconds: number
  /** Of FLAC: bits of a sample. With them the samples come back exact, and with the MD5 that FLAC knows. */
  bits?: number
}

/** Its samples, averaged over channels, or what was wrong. */
export type SoundReply = { rate: number; samples: Float32Array; md5?: string } | { failed: string }

/** Bytes that a decoder gets at once: what one piece unpacks to bounds the memory of the whole. */
const pieceBytes = 16_384

async function decodeSound({ codec, bytes, maxSeconds, bits }: SoundRequest): Promise<SoundReply> {
  const decoder = await decode[codec]()
  const hash = bits === undefined ? undefined : createHash('md5')
  const pieces: Float32Array[] = []
  let count = 0
  let rate = 0
  const take = ({ channelData, sampleRate }: AudioData): void => {
    if (channelData.length === 0 || channelData[0].length === 0) return
    if (rate !== 0 && sampleRate !== rate) throw new Error(`the rate must stay ${rate} Hz, got ${sampleRate}`)
    rate = sampleRate
    if (hash !== undefined && bits !== undefined) restoreSamples(channelData, bits, hash)
    count += channelData[0].length
    if (count > maxSeconds * rate) throw new Error(`must be at most ${maxSeconds} s long, got more`)
    pieces.push(average(channelData))
  }
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) take(await decoder(bytes.subarray(at, at + pieceBytes)))
    take(await decoder.flush())
  } finally {
    decoder.free()
  }
  const samples = new Float32Array(count)
  let at = 0
  for (const piece of pieces) {
    samples.set(piece, at)
    at += piece.length
  }
  return { rate, samples, md5: hash?.digest('hex') }
}

/** Mean over channels; a copy, since decoders reuse their memory. */
function average(channels: Float32Array[]): Float32Array {
  const mean = channels[0].slice()
  if (channels.length === 1) return mean
  for (let i = 0; i < mean.length; i++) {
    let sum = 0
    for (const channel of channels) sum += channel[i]
    mean[i] = sum / channels.length
  }
  return mean
}

/**
 * The FLAC decoder divides by 2^(bits-1) - 1; every other reader, and wav.ts, by 2^(bits-1). Puts that right in place, and adds the whole
 * numbers to the hash as FLAC does: channels in turn, little-endian, as many bytes as the bits need.
 */
function restoreSamples(channels: Float32Array[], bits: number, hash: Hash): void {
  const width = Math.ceil(bits / 8)
  const scale = 2 ** (bits - 1)
  const bytes = Buffer.alloc(channels[0].length * channels.length * width)
  let at = 0
  for (let i = 0; i < channels[0].length; i++)
    for (const channel of channels) {
      const value = Math.max(-scale, Math.min(scale - 1, Math.round(channel[i] * (scale - 1))))
      channel[i] = value / scale
      at = bytes.writeIntLE(value, at, width)
    }
  hash.update(bytes)
}

parentPort?.on('message', (request: SoundRequest) => {
  decodeSound(request).then(
    (reply) => parentPort?.postMessage(reply, 'samples' in reply ? [reply.samples.buffer as ArrayBuffer] : []),
    (error: unknown) => {
      const failed = error instanceof Error ? error.message : String(error)
      parentPort?.postMessage({ failed } satisfies SoundReply)
    },
  )
})
