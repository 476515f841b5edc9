// The code that "get code" gives is run: what the SDK or curl sends must be what the studio sends.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { type CodeKind, codeFor } from './code.ts'
import { buildRequest } from './request.ts'
import { defaultSettings, type Settings } from './settings.ts'
import type { Message } from './tree.ts'

const settings: Settings = {
  ...defaultSettings,
  ...{
    system: 'Be \'brief\' and "kind"\n$HOME `x` \\',
    temperature: 0.5,
    topK: 5,
    maxTokens: 7,
    seed: 3,
    stop: ['END'],
  },
  ...{ format: 'json', tools: true, toolMode: 'ANY', thinking: 'off' },
}
const media = { id: 'm', mimeType: 'image/png', name: "it's a $picture.png", bytes: 3 }
const path: Message[] = [
  { id: '1', parent: null, role: 'user', parts: [{ media }, { text: 'What is $this? `x` ${y}' }], createdAt: 0 },
  { id: '2', parent: '1', role: 'model', parts: [{ text: 'A cat.\nJSON\n' }], createdAt: 0 },
  { id: '3', parent: '2', role: 'user', parts: [{ text: 'Sure? ünï 😀' }], createdAt: 0 },
]
const bytes = Buffer.from([1, 2, 250])

/** Runs the code in a folder with the file, and gives the body that reached the server. */
async function sentBy(kind: CodeKind): Promise<Record<string, never>> {
  let body = ''
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(
        kind === 'openai' ? 'data: [DONE]\n\n' : 'data: {"candidates":[{"content":{"parts":[{"text":"ok"}]}}]}\n\n',
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const folder = mkdtempSync(join(root, 'build', 'code-'))
  try {
    writeFileSync(join(folder, media.name), bytes)
    const code = codeFor(kind, buildRequest(path, settings), settings, { model: 'm', origin, keyed: false })
    const file = join(folder, kind === 'curl' ? 'ask.sh' : 'ask.mjs')
    writeFileSync(file, code)
    await promisify(execFile)(kind === 'curl' ? 'bash' : process.execPath, [file], { cwd: folder })
    return JSON.parse(body)
  } finally {
    rmSync(folder, { recursive: true })
    server.close()
  }
}

const whole = () => {
  const request = structuredClone(buildRequest(path, settings))
  request.contents[0].parts[0] = { inlineData: { mimeType: 'image/png', data: bytes.toString('base64') } }
  return request
}

it('for @google/genai sends what the studio sends', async () => {
  const sent = (await sentBy('genai')) as unknown as ReturnType<typeof whole>
  const { systemInstruction, ...rest } = whole()
  expect(sent).toMatchObject(rest)
  expect(sent.systemInstruction?.parts).toEqual(systemInstruction?.parts)
})

const hasCurl = spawnSync('curl', ['--version']).error === undefined

it.skipIf(!hasCurl)('for curl sends what the studio sends, whatever a shell makes of the text', async () => {
  expect(await sentBy('curl')).toEqual(whole())
})

it('for openai says the same in its own words', async () => {
  expect(await sentBy('openai')).toMatchObject({
    model: 'm',
    messages: [
      { role: 'system', content: settings.system },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: `data:image/png;base64,${bytes.toString('base64')}` } },
          { type: 'text', text: 'What is $this? `x` ${y}' },
        ],
      },
      { role: 'assistant', content: 'A cat.\nJSON\n' },
      { role: 'user', content: 'Sure? ünï 😀' },
    ],
    ...{ temperature: 0.5, top_k: 5, max_completion_tokens: 7, seed: 3, stop: ['END'], reasoning_effort: 'none' },
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: JSON.parse(settings.schema) } },
    tools: [{ type: 'function', function: { name: 'get_weather' } }],
    ...{ tool_choice: 'required', stream: true },
  })
})
