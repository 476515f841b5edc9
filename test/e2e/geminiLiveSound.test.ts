// Sound spoken into a Live session with the real SDK: turns are found in it, or marked by the client, and read by the model as
// sound.
import { GoogleGenAI, type LiveServerMessage, Modality, type Session } from '@google/genai'
import { expect, test } from 'vitest'
import { MediaEncoder } from '../../src/data/index.ts'
import { MediaReader } from '../../src/serve/index.ts'
import { scriptedServer, tokenizer } from './scriptedServer.ts'

const encoder = new MediaEncoder({
  tokenizer,
  shape: { patchSize: 12, pooling: 1, imageTokens: 9, frameTokens: 4, soundFeatures: 'log_mel', mels: 64 },
})
const model = { media: new MediaReader(encoder, 64), inputs: ['text' as const, 'audio' as const] }

async function connect(baseUrl: string, config: object = {}) {
  const messages: LiveServerMessage[] = []
  const closed: string[] = []
  const session = await new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl } }).live.connect({
    model: 'scripted',
    config: { responseModalities: [Modality.TEXT], ...config },
    callbacks: {
      onmessage: (message) => void messages.push(message),
      onclose: ({ reason }) => void closed.push(reason),
    },
  })
  const text = () =>
    messages
      .flatMap((each) => each.serverContent?.modelTurn?.parts ?? [])
      .map((part) => part.text ?? '')
      .join('')
  return { session, messages, closed, text }
}

/** Speaks a tone, or keeps silent, in pieces of 50 ms at 16 kHz. */
function speak(session: Session, ms: number, amplitude: number): void {
  for (let at = 0; at < ms; at += 50) {
    const data = Buffer.alloc(1600)
    for (let i = 0; i < 800; i++) data.writeInt16LE(Math.round(32767 * amplitude * Math.sin(i / 4)), 2 * i)
    session.sendRealtimeInput({ audio: { data: data.toString('base64'), mimeType: 'audio/pcm;rate=16000' } })
  }
}

test('a turn ends with the silence behind it, and the model hears it', async () => {
  await using running = await scriptedServer(['heard<turn|>', 'again<turn|>'], { model })
  const { session, text, messages } = await connect(running.url)
  speak(session, 500, 0)
  speak(session, 1000, 0.3)
  speak(session, 1000, 0)
  await expect.poll(text).toBe('heard')
  const [{ prompt }] = running.engine.requests
  // 25 rows a second: a second of speech, 0.3 before it and 0.8 behind it
  expect(prompt.sounds).toHaveLength(1)
  expect(Math.abs(prompt.sounds![0].count - 52)).toBeLessThan(4)
  expect(messages.at(-1)!.usageMetadata!.promptTokensDetails).toContainEqual({
    ...{ modality: 'AUDIO', tokenCount: prompt.sounds![0].count + 2 },
  })
  speak(session, 400, 0.3)
  // the stream ends before the silence does
  session.sendRealtimeInput({ audioStreamEnd: true })
  await expect.poll(text).toBe('heardagain')
  expect(running.engine.requests[1].prompt.sounds).toHaveLength(2)
  session.close()
})

test('silence is no turn, and speech interrupts an answer', async () => {
  await using running = await scriptedServer(['x'.repeat(2000), 'yes?<turn|>'], { model, engine: { delay: 5 } })
  const { session, text, messages } = await connect(running.url)
  speak(session, 2000, 0)
  session.sendRealtimeInput({ audioStreamEnd: true })
  session.sendClientContent({ turns: 'talk' })
  await expect.poll(() => text().length).toBeGreaterThan(3)
  expect(running.engine.requests).toHaveLength(1)
  speak(session, 300, 0.3)
  await expect.poll(() => messages.some((each) => each.serverContent?.interrupted)).toBe(true)
  expect(running.engine.cancelled).toBe(1)
  speak(session, 1000, 0)
  await expect.poll(() => text().endsWith('yes?')).toBe(true)
  session.close()
})

test('a client may say itself when somebody speaks', async () => {
  await using running = await scriptedServer(['heard<turn|>'], { model })
  const { session, text } = await connect(running.url, {
    realtimeInputConfig: { automaticActivityDetection: { disabled: true } },
  })
  speak(session, 300, 0.3)
  session.sendRealtimeInput({ activityStart: {} })
  speak(session, 1000, 0)
  session.sendRealtimeInput({ activityEnd: {} })
  await expect.poll(text).toBe('heard')
  expect(running.engine.requests[0].prompt.sounds![0].count).toBe(25)
  session.close()
})

test('what was said before a text stands before it', async () => {
  await using running = await scriptedServer(['ok<turn|>'], { model })
  const { session, text } = await connect(running.url)
  speak(session, 400, 0.3)
  session.sendRealtimeInput({ text: 'and this' })
  await expect.poll(text).toBe('ok')
  const { prompt } = running.engine.requests.at(-1)!
  expect(prompt.sounds).toHaveLength(1)
  expect(tokenizer.decode(prompt.ids.subarray(prompt.sounds![0].start))).toContain('and this')
  session.close()
})

test('a model that does not hear says so, and ends the session', async () => {
  await using running = await scriptedServer(['ok<turn|>'])
  const { session, closed } = await connect(running.url)
  speak(session, 50, 0.3)
  await expect.poll(() => closed).toEqual(['The model does not hear sound.'])
})
