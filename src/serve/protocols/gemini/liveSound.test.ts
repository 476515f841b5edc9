import { describe, expect, it } from 'vitest'
import { decodeWav } from '../../../media/index.ts'
import { Fields } from './fields.ts'
import { isRawSound, SpeechInput, speechOptions } from './liveSound.ts'

const options = { isAutomatic: true, beginMs: 40, endMs: 200 }

/** Milliseconds of a tone, or of near silence, as a client sends them. */
function sound(ms: number, amplitude: number, rate = 16_000): Fields {
  const data = Buffer.alloc(2 * Math.round((ms * rate) / 1000))
  for (let i = 0; i < data.length / 2; i++) data.writeInt16LE(Math.round(32767 * amplitude * Math.sin(i / 3)), 2 * i)
  return new Fields({ mimeType: `audio/pcm;rate=${rate}`, data: data.toString('base64') })
}
const [speech, silence] = [0.3, 0.001]
const seconds = (wav: Uint8Array): number => {
  const { rate, samples } = decodeWav(wav)
  return samples.length / rate
}

describe('SpeechInput', () => {
  it.each([10, 20, 33, 100, 1000])('finds a turn between silences, in pieces of %i ms', (piece) => {
    const input = new SpeechInput(options)
    const events: string[] = []
    let taken: Uint8Array | undefined
    for (const [ms, amplitude] of [
      [2000, silence],
      [1000, speech],
      [1000, silence],
    ]) {
      for (let at = 0; at < ms; at += piece) {
        for (const event of input.push(sound(Math.min(piece, ms - at), amplitude))) {
          events.push(event)
          if (event === 'over') taken = input.take()
        }
      }
    }
    expect(events).toEqual(['begun', 'over'])
    // what was said, with a little before and the silence that ended it
    expect(seconds(taken!)).toBeGreaterThan(1.2)
    expect(seconds(taken!)).toBeLessThan(1.6)
    expect(input.take()).toBeUndefined()
  })

  it('is not begun by a click, nor ended by a short pause', () => {
    const input = new SpeechInput(options)
    const events = (...given: Fields[]): string[] => given.flatMap((each) => [...input.push(each)])
    expect(events(sound(20, speech), sound(500, silence), sound(20, speech), sound(500, silence))).toEqual([])
    expect(events(sound(100, speech), sound(180, silence), sound(100, speech))).toEqual(['begun'])
    expect(events(sound(220, silence))).toEqual(['over'])
    expect(seconds(input.take()!)).toBeCloseTo(0.3 + 0.1 + 0.18 + 0.1 + 0.2, 1)
  })

  it('keeps the samples as they were, at their rate', () => {
    const input = new SpeechInput({ ...options, isAutomatic: false })
    // before the client says that somebody speaks, nothing is kept
    expect([...input.push(sound(100, speech))]).toEqual([])
    input.begin()
    const blob = sound(50, speech, 24_000)
    expect([...input.push(blob), ...input.push(sound(50, silence, 24_000))]).toEqual([])
    const { rate, samples } = decodeWav(input.take()!)
    expect([rate, samples.length]).toEqual([24_000, 2400])
    const bytes = Buffer.from(blob.string('data')!, 'base64')
    expect(Math.round(samples[100] * 32768)).toBe(bytes.readInt16LE(200))
  })

  it('refuses what are no samples, and a turn without an end', () => {
    const input = new SpeechInput(options)
    const push = (fields: Record<string, string>) => () => [...input.push(new Fields(fields, 'audio'))]
    expect(push({ mimeType: 'audio/pcm', data: 'AAA' })).not.toThrow()
    expect(push({ mimeType: 'audio/pcm', data: 'AAAA' })).toThrow('16 bits, got 3 bytes')
    expect(push({ mimeType: 'audio/pcm;rate=1', data: 'AAA' })).toThrow('from 8000 to 48000, got 1')
    expect(push({ mimeType: 'audio/pcm', data: '?' })).toThrow('Base64')
    const talk = sound(10_000, speech)
    expect(() => {
      for (let i = 0; i < 20; i++) for (const _ of input.push(talk));
    }).toThrow('may last 2 minutes')
  })

  it('reads its options, and refuses what it cannot do', () => {
    const of = (config: object) => speechOptions(new Fields({ realtimeInputConfig: config }))
    expect(speechOptions(new Fields({}))).toEqual({ isAutomatic: true, beginMs: 40, endMs: 800 })
    expect(of({ automaticActivityDetection: { disabled: true } }).isAutomatic).toBe(false)
    expect(of({ automatic_activity_detection: { silence_duration_ms: 100, prefixPaddingMs: 20 } })).toEqual({
      ...{ isAutomatic: true, beginMs: 20, endMs: 100 },
    })
    expect(() => of({ activityHandling: 'NO_INTERRUPTION' })).toThrow('is not served')
    expect(['audio/pcm;rate=16000', 'audio/L16', 'audio/wav', 'image/png'].map(isRawSound)).toEqual([
      ...[true, true, false, false],
    ])
  })
})
