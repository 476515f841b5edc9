// Clients that stop reading: the model waits for them instead of filling memory, others are served meanwhile, and after a while
// they are given up. Number 30 of docs/serving-checklist.md.
import { connect, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Script } from '../../src/testing/index.ts'
import { says, scriptedServer } from './scriptedServer.ts'

const sockets: { destroy(): unknown }[] = []
afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()))

/** An answer of a hundred megabytes as it is sent, and how much of it was taken. */
function endless(): { script: Script; taken: () => number; total: number } {
  const total = 1_000_000
  const [id] = says('x')
  let taken = 0
  const ids = Object.assign([] as number[], {
    *[Symbol.iterator]() {
      for (; taken < total; taken++) yield id
    },
  })
  return { script: ids, taken: () => taken, total }
}

/** A client that sends a request, reads the head of its answer and nothing more. */
async function stalled(url: string, path: string, body?: object): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  const text = body === undefined ? '' : JSON.stringify(body)
  const head = [`${body ? 'POST' : 'GET'} ${path} HTTP/1.1`, 'host: localhost', 'x-goog-api-key: k']
  if (body) head.push('content-type: application/json', `content-length: ${Buffer.byteLength(text)}`)
  socket.write(`${head.join('\r\n')}\r\n\r\n${text}`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.pause()
  return socket
}

/** Waits until a count no longer grows; the count. */
async function settled(count: () => number): Promise<number> {
  for (let last = -1; ;) {
    const now = count()
    if (now === last) return now
    last = now
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

const contents = { contents: [{ parts: [{ text: 'q' }] }], generationConfig: { maxOutputTokens: 2_000_000 } }
const messages = { model: 'scripted', messages: [{ role: 'user', content: 'q' }], stream: true, max_tokens: 2_000_000 }

it.each([
  ['Gemini', '/v1beta/models/scripted:streamGenerateContent?alt=sse', contents],
  ['Gemini as an array', '/v1beta/models/scripted:streamGenerateContent', contents],
  ['OpenAI', '/openai/v1/chat/completions', messages],
])(
  '30: a stalled stream of %s stops its model, not those of others, and is given up',
  { timeout: 120_000 },
  async (_, path, body) => {
    const { script, taken, total } = endless()
    let first = true
    await using running = await scriptedServer(
      () => {
        const isFirst = first
        first = false
        return isFirst ? script : says('fine<turn|>')
      },
      { engine: { contextTokens: 4_000_000 }, server: { limits: { stallSeconds: 5 } } },
    )
    await stalled(running.url, path, body)
    // what the system keeps for a connection is a few megabytes
    const stoppedAt = await settled(taken)
    expect(stoppedAt).toBeLessThan(total / 4)
    const other = await fetch(`${running.url}/v1beta/models/scripted:generateContent?key=k`, {
      ...{ method: 'POST', body: JSON.stringify(contents) },
    })
    expect(JSON.stringify(await other.json())).toContain('fine')
    expect(taken()).toBe(stoppedAt)
    await expect.poll(() => running.engine.cancelled, { timeout: 20_000 }).toBe(1)
    await expect.poll(() => running.server.app.active).toBe(0)
  },
)

it('30: a file that nobody reads is given up too, and so is its place among the requests', async () => {
  await using running = await scriptedServer(['x'], { server: { limits: { stallSeconds: 1 } } })
  await running.server.deps.files.add({ mimeType: 'video/mp4', owner: '', id: 'large' }, new Uint8Array(2 ** 25))
  await stalled(running.url, '/v1beta/files/large:download?alt=media')
  expect(running.server.app.active).toBe(1)
  await expect.poll(() => running.server.app.active, { timeout: 20_000 }).toBe(0)
})

it('30: a Live session that reads nothing stops its model, and is given up', { timeout: 60_000 }, async () => {
  const { script, taken, total } = endless()
  await using running = await scriptedServer(() => script, {
    ...{ engine: { contextTokens: 4_000_000 }, server: { limits: { stallSeconds: 5 } } },
  })
  const path = '/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k'
  const ws = new WebSocket(running.url.replace('http', 'ws') + path)
  sockets.push({ destroy: () => ws.terminate() })
  await new Promise((resolve) => ws.once('open', resolve))
  ws.send(JSON.stringify({ setup: { model: 'models/scripted', generationConfig: { maxOutputTokens: 2_000_000 } } }))
  await new Promise((resolve) => ws.once('message', resolve))
  ws.pause()
  ws.send(JSON.stringify({ clientContent: { turns: [{ role: 'user', parts: [{ text: 'q' }] }], turnComplete: true } }))
  await expect.poll(taken).toBeGreaterThan(0)
  expect(await settled(taken)).toBeLessThan(total / 4)
  await expect.poll(() => running.engine.cancelled, { timeout: 20_000 }).toBe(1)
})
