// The Live API with the real SDK: turns of text, calls, interruption, and tokens in the place of keys.
import { GoogleGenAI, type LiveServerMessage, Modality, type Session } from '@google/genai'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { scriptedServer, tokenizer } from './scriptedServer.ts'

interface Live {
  session: Session
  messages: LiveServerMessage[]
  text(): string
  turns(): number
}

async function connect(baseUrl: string, apiKey = 'k', config: object = {}): Promise<Live> {
  const ai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } })
  const messages: LiveServerMessage[] = []
  const session = await ai.live.connect({
    model: 'scripted',
    config: { responseModalities: [Modality.TEXT], ...config },
    callbacks: { onmessage: (message) => void messages.push(message) },
  })
  return {
    ...{ session, messages },
    text: () =>
      messages
        .flatMap((each) => each.serverContent?.modelTurn?.parts ?? [])
        .map(({ text = '' }) => text)
        .join(''),
    turns: () => messages.filter((each) => each.serverContent?.turnComplete).length,
  }
}

test('35: a turn of text is answered, and the next one remembers it', async () => {
  await using running = await scriptedServer(['first<turn|>', 'second<turn|>'])
  const live = await connect(running.url, 'k', { systemInstruction: 'be kind' })
  live.session.sendClientContent({ turns: 'hello' })
  await expect.poll(live.turns).toBe(1)
  expect(live.text()).toBe('first')
  expect(live.messages.at(-1)!.usageMetadata!.responseTokenCount).toBe(5)
  live.session.sendRealtimeInput({ text: 'and again' })
  await expect.poll(live.turns).toBe(2)
  const read = tokenizer.decode(running.engine.requests.at(-1)!.prompt.ids)
  expect(read).toContain('system\nbe kind<turn|>')
  expect(read).toContain('<|turn>model\nfirst<turn|>\n<|turn>user\nand again')
  live.session.close()
})

test('35: a function is called, and its result answered', async () => {
  await using running = await scriptedServer(['<|tool_call>call:f{"a":1}<tool_call|>', 'done<turn|>'])
  const live = await connect(running.url, 'k', { tools: [{ functionDeclarations: [{ name: 'f' }] }] })
  live.session.sendClientContent({ turns: 'go' })
  await expect.poll(() => live.messages.flatMap((each) => each.toolCall?.functionCalls ?? []).length).toBe(1)
  const [call] = live.messages.flatMap((each) => each.toolCall?.functionCalls ?? [])
  expect(call).toMatchObject({ name: 'f', args: { a: 1 } })
  live.session.sendToolResponse({ functionResponses: [{ id: call.id, name: 'f', response: { ok: true } }] })
  await expect.poll(live.turns).toBe(1)
  expect(live.text()).toBe('done')
  live.session.close()
})

test('35: what is said next interrupts an answer', async () => {
  await using running = await scriptedServer(['x'.repeat(1000), 'short<turn|>'], { engine: { delay: 5 } })
  const live = await connect(running.url)
  live.session.sendClientContent({ turns: 'long' })
  await expect.poll(() => live.text().length).toBeGreaterThan(3)
  live.session.sendClientContent({ turns: 'stop' })
  await expect.poll(() => live.text().endsWith('short')).toBe(true)
  expect(live.messages.some((each) => each.serverContent?.interrupted)).toBe(true)
  expect(running.engine.cancelled).toBe(1)
  live.session.close()
})

test('a session that is closed frees its answer', async () => {
  await using running = await scriptedServer(['x'.repeat(1000)], { engine: { delay: 5 } })
  const live = await connect(running.url)
  live.session.sendClientContent({ turns: 'long' })
  await expect.poll(() => live.text().length).toBeGreaterThan(3)
  live.session.close()
  await expect.poll(async () => (await running.engine.stats()).running).toBe(0)
})

test('a token opens one session in the place of a key', async () => {
  await using running = await scriptedServer(['hi<turn|>'], { server: { keys: ['secret'] } })
  const ai = new GoogleGenAI({ apiKey: 'secret', httpOptions: { baseUrl: running.url } })
  const { name } = await ai.authTokens.create({ config: { uses: 1 } })
  const live = await connect(running.url, name!)
  live.session.sendClientContent({ turns: 'hello' })
  await expect.poll(live.text).toBe('hi')
  live.session.close()
  const refused = new WebSocket(
    `${running.url.replace('http', 'ws')}//ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent?key=wrong`,
  )
  await new Promise((resolve) => refused.on('error', resolve))
})
