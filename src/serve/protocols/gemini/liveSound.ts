// What is said in a Live session: raw samples that come in pieces, and where in them somebody speaks.
//
//   silence ──loud for a while──> speech ──silent for a while──> over: what was said is a turn
//
// Speech is told from silence by its loudness alone, frame by frame. A client that knows better (a loud room, a button to press)
// switches this off and says itself when activity starts and ends.
import { encodeWav } from '../../../media/index.ts'
import { invalid, ServeError } from '../../serveError.ts'
import { base64Bytes, type Fields } from './fields.ts'

/** Loudness of speech at least: root mean square, 40 dB below full scale. */
const loud = 0.01
const frameMs = 20
/** Sound kept from before speech was noticed: words begin softly. */
const leadMs = 300
/** Longest turn: it is in memory until it is over. */
const longestMs = 120_000

export interface SpeechOptions {
  /** Whether speech is looked for; otherwise the client says where it is. */
  isAutomatic: boolean
  /** Milliseconds of loud sound that begin speech, and of silence that end it. */
  beginMs: number
  endMs: number
}

/** Options of a setup. @throws ServeError invalid */
export function speechOptions(setup: Fields): SpeechOptions {
  const config = setup.message('realtimeInputConfig')
  const detection = config?.message('automaticActivityDetection')
  const handling = config?.oneOf('activityHandling', ['START_OF_ACTIVITY_INTERRUPTS', 'NO_INTERRUPTION'])
  if (handling === 'NO_INTERRUPTION') {
    throw invalid(config!.at('activityHandling'), 'NO_INTERRUPTION is not served: what is said interrupts.')
  }
  return {
    isAutomatic: detection?.bool('disabled') !== true,
    beginMs: detection?.int('prefixPaddingMs', 0, 10_000) ?? 40,
    endMs: detection?.int('silenceDurationMs', 0, 60_000) ?? 800,
  }
}

/** Whether sound of a type comes as samples without a head. */
export function isRawSound(mimeType: string): boolean {
  return /^audio\/(pcm|l16)\b/i.test(mimeType)
}

export class SpeechInput {
  readonly #options: SpeechOptions
  #rate = 16_000
  #chunks: Float32Array[] = []
  /** Samples in the chunks. */
  #length = 0
  #isSpeaking = false
  /** Milliseconds for which it has been loud, and silent. */
  #loudMs = 0
  #silentMs = 0

  constructor(options: SpeechOptions) {
    this.#options = options
  }

  /** The client says that somebody speaks. */
  begin(): void {
    this.#isSpeaking = true
    this.#silentMs = 0
  }

  /** Takes in samples; what they begin and end, in order: the turn that is over is to be taken then. @throws ServeError invalid for what are no samples */
  *push(blob: Fields): Generator<'begun' | 'over'> {
    const samples = this.#samples(blob)
    if (!this.#options.isAutomatic) {
      if (this.#isSpeaking) this.#keep(samples)
      return
    }
    const frame = (this.#rate * frameMs) / 1000
    for (let at = 0; at < samples.length; at += frame) {
      const piece = samples.subarray(at, at + frame)
      this.#keep(piece)
      const isLoud = loudness(piece) >= loud
      const ms = (piece.length / this.#rate) * 1000
      this.#loudMs = isLoud ? this.#loudMs + ms : 0
      this.#silentMs = isLoud ? 0 : this.#silentMs + ms
      if (!this.#isSpeaking && isLoud && this.#loudMs >= this.#options.beginMs) {
        this.begin()
        yield 'begun'
      } else if (this.#isSpeaking && this.#silentMs >= this.#options.endMs) {
        this.#silentMs = 0
        yield 'over'
      }
    }
  }

  #samples(blob: Fields): Float32Array {
    const bytes = base64Bytes(blob.string('data') ?? '', blob.at('data'))
    const mimeType = blob.string('mimeType') ?? ''
    const rate = Number(/;\s*rate=(\d+)/i.exec(mimeType)?.[1] ?? 16_000)
    if (rate < 8000 || rate > 48_000)
      throw invalid(blob.at('mimeType'), `The rate must be from 8000 to 48000, got ${rate}.`)
    if (bytes.length % 2 !== 0) throw invalid(blob.at('data'), `Samples have 16 bits, got ${bytes.length} bytes.`)
    if (rate !== this.#rate && this.#length > 0) this.#clear()
    this.#rate = rate
    return Float32Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i) / 32768)
  }

  #keep(samples: Float32Array): void {
    this.#chunks.push(samples)
    this.#length += samples.length
    const most = ((this.#isSpeaking ? longestMs : leadMs) * this.#rate) / 1000
    if (this.#length <= most) return
    if (this.#isSpeaking) throw new ServeError('tooLarge', `A turn of sound may last ${longestMs / 60_000} minutes.`)
    while (this.#length - this.#chunks[0].length > most) this.#length -= this.#chunks.shift()!.length
  }

  #clear(): void {
    this.#chunks = []
    this.#length = 0
  }

  /** What was said, as a WAV file, and silence again; undefined when nothing was. */
  take(): Uint8Array | undefined {
    if (!this.#isSpeaking) return undefined
    this.#isSpeaking = false
    const samples = new Float32Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      samples.set(chunk, at)
      at += chunk.length
    }
    this.#clear()
    return samples.length === 0 ? undefined : encodeWav({ rate: this.#rate, samples })
  }
}

function loudness(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)
}
