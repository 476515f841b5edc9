// Sound files as samples: WAV by wav.ts, the compressed kinds by the decoders of the package audio-decode.
//
// Those decoders play what they can and pass over the rest, so the structure of a file is checked before (mp3.ts, flac.ts, ogg.ts,
// containers.ts), and the length of what came out after.
import { PolluxError } from '../util/index.ts'
import { inspectMp4 } from './containers.ts'
import { inspectFlac, type FlacHead } from './flac.ts'
import { inspectMp3 } from './mp3.ts'
import { inspectOgg } from './ogg.ts'
import { describeUnknown, sniff } from './sniff.ts'
import { decodeInThread } from './soundThread.ts'
import type { SoundRequest } from './soundWorker.ts'
import type { Sound } from './types.ts'
import { decodeWav } from './wav.ts'

/** Limits of `readSound`. */
export interface SoundOptions {
  /** Longest sound that is read, in seconds; default one hour. */
  maxSeconds?: number
}

/** How to decode a file, and what must come out. */
interface Plan {
  codec: SoundRequest['codec']
  /** Least seconds that a whole file gives. */
  seconds?: number
  /** Exact samples. */
  samples?: number
  md5?: string
  bits?: number
}

/**
 * A sound file (wav, mp3, flac, ogg, m4a) as mono sound at its own rate; channels are averaged. Samples beyond [-1, 1],
 * which lossy codecs may give, are clipped. Throws PolluxError for files of another kind, damaged, cut short, empty or too long ones.
 */
export async function readSound(bytes: Uint8Array, options: SoundOptions = {}): Promise<Sound> {
  const { maxSeconds = 3600 } = options
  const format = sniff(bytes)?.format
  const sound = format === 'wav' ? decodeWav(bytes) : await readCompressed(bytes, planOf(bytes, format), maxSeconds)
  const seconds = sound.samples.length / sound.rate
  if (seconds > maxSeconds)
    throw new PolluxError(`readSound: must be at most ${maxSeconds} s long, got ${seconds.toFixed(1)} s`)
  const { samples } = sound
  for (let i = 0; i < samples.length; i++) {
    if (Number.isNaN(samples[i]))
      throw new PolluxError('readSound: samples must be numbers, got NaN: the file is damaged')
    if (samples[i] > 1) samples[i] = 1
    else if (samples[i] < -1) samples[i] = -1
  }
  return sound
}

function planOf(bytes: Uint8Array, format: string | undefined): Plan {
  if (format === 'mp3') {
    const { samples, rate } = inspectMp3(bytes)
    // a decoder cuts the encoder's delay and padding, up to three frames
    return { codec: 'mp3', seconds: Math.max(1, samples - 3 * 1152) / rate }
  }
  if (format === 'flac') {
    return flacPlan(inspectFlac(bytes))
  }
  if (format === 'ogg') {
    const { codec, samples, rate, flac } = inspectOgg(bytes)
    if (flac !== undefined) return flacPlan(flac)
    const seconds = samples !== undefined && rate ? (samples - 4096) / rate : undefined
    return { codec: codec === 'vorbis' ? 'oga' : codec, seconds }
  }
  if (format === 'm4a' || format === 'mp4') {
    const { hasSound, soundSeconds } = inspectMp4(bytes)
    if (!hasSound) throw new PolluxError('readSound: must have a track of sound, got none')
    return { codec: 'm4a', seconds: soundSeconds === undefined ? undefined : soundSeconds * 0.98 - 0.2 }
  }
  const got = format === undefined ? describeUnknown(bytes) : `a ${format} file`
  throw new PolluxError(`readSound: must be wav, mp3, flac, ogg or m4a, got ${got}`)
}

function flacPlan({ samples, md5, bits }: FlacHead): Plan {
  // float32 holds whole numbers of 24 bits
  return { codec: 'flac', samples: samples || undefined, md5: bits > 24 ? undefined : md5, bits }
}

async function readCompressed(bytes: Uint8Array, plan: Plan, maxSeconds: number): Promise<Sound> {
  const { codec, bits } = plan
  const reply = await decodeInThread({ codec, bytes, maxSeconds, bits })
  if ('failed' in reply) throw new PolluxError(`readSound: must decode as ${codec}, got: ${reply.failed || 'no sound'}`)
  const { rate, samples } = reply
  if (samples.length === 0) throw new PolluxError('readSound: must have at least one sample, got none')
  const seconds = samples.length / rate
  if (plan.samples !== undefined && samples.length !== plan.samples)
    throw new PolluxError(`readSound: must have ${plan.samples} samples, got ${samples.length}: the file is damaged`)
  if (plan.seconds !== undefined && seconds < plan.seconds) {
    const wanted = plan.seconds.toFixed(2)
    throw new PolluxError(`readSound: must give ${wanted} s of sound, got ${seconds.toFixed(2)} s: the file is damaged`)
  }
  if (plan.md5 !== undefined && plan.md5 !== reply.md5)
    throw new PolluxError('readSound: samples must match the MD5 in the file, got others: the file is damaged')
  return { rate, samples }
}
