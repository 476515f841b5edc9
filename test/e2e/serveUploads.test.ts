// Uploads of both protocols go to the disk as they come, are refused as soon as they are too large, and leave nothing when they
// break off.
import { readdirSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { type ScriptedServer, scriptedServer } from './scriptedServer.ts'
import { tempFolder } from '../../src/testing/index.ts'

const MiB = 2 ** 20

/** An upload under way, its length not told beforehand. */
function open(url: string, path: string, headers: Record<string, string>) {
  const out = request(new URL(path, url), {
    method: 'POST',
    headers: { 'x-goog-api-key': 'k', ...headers, 'transfer-encoding': 'chunked' },
  })
  const answer = new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    out.on('error', reject)
    out.on('response', async (response) => {
      const parts: Buffer[] = []
      for await (const part of response) parts.push(part as Buffer)
      resolve({ status: response.statusCode!, body: JSON.parse(Buffer.concat(parts).toString()) })
    })
  })
  answer.catch(() => undefined)
  const send = (bytes: Uint8Array | string) => new Promise<void>((resolve) => void out.write(bytes, () => resolve()))
  return { send, end: () => out.end(), leave: () => out.destroy(), answer }
}

type Way = readonly [name: string, path: string, headers: Record<string, string>, head: string, tail: string]
const ways: readonly Way[] = [
  [
    'OpenAI',
    '/openai/v1/files',
    { 'content-type': 'multipart/form-data; boundary=b' },
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: a/b\r\n\r\n',
    '\r\n--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n--b--\r\n',
  ],
  [
    'Gemini, multipart',
    '/upload/v1beta/files?uploadType=multipart',
    { 'content-type': 'multipart/related; boundary=b' },
    '--b\r\nContent-Type: application/json\r\n\r\n{"file":{"displayName":"a.bin"}}\r\n--b\r\nContent-Type: a/b\r\n\r\n',
    '\r\n--b--\r\n',
  ],
  ['Gemini, raw', '/upload/v1beta/files?uploadType=media', { 'content-type': 'a/b' }, '', ''],
]

async function serve(fileBytes?: number): Promise<ScriptedServer & { folder: string }> {
  const folder = tempFolder()
  const running = await scriptedServer(['x'], { server: { folder: folder.path, files: { fileBytes } } })
  return {
    ...running,
    folder: join(folder.path, 'files'),
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** Bytes of the only upload under way that are on the disk. */
function onDisk(folder: string): number {
  const parts = readdirSync(folder).filter((name) => name.endsWith('.part'))
  return parts.length === 1 ? statSync(join(folder, parts[0])).size : -1
}

describe.each(ways)('%s', (name, path, headers, head, tail) => {
  it('is on the disk before its end', async () => {
    await using running = await serve()
    const upload = open(running.url, path, headers)
    await upload.send(head)
    for (let sent = 1; sent <= 4; sent++) {
      await upload.send(new Uint8Array(MiB).fill(sent))
      // all but what may be the beginning of a boundary
      await expect.poll(() => onDisk(running.folder)).toBeGreaterThan(sent * MiB - 100)
    }
    await upload.send(tail)
    upload.end()
    const { status, body } = await upload.answer
    expect(status).toBe(200)
    const { file = body } = body as { file?: Record<string, unknown> }
    expect(Number(file.sizeBytes ?? file.bytes)).toBe(4 * MiB)
    const [stored] = running.server.deps.files.list('')
    expect(stored).toMatchObject({ bytes: 4 * MiB, mimeType: 'a/b' })
    if (name !== 'Gemini, raw') expect(stored.displayName).toBe('a.bin')
    const bytes = await running.server.deps.files.read(stored.id, '')
    expect([0, 1, 2, 3].map((i) => bytes[i * MiB])).toEqual([1, 2, 3, 4])
  })

  it('is refused when it grows too large, and leaves nothing', async () => {
    await using running = await serve(3 * MiB)
    const upload = open(running.url, path, headers)
    await upload.send(head)
    for (let sent = 0; sent < 5; sent++) await upload.send(new Uint8Array(MiB))
    // it has not ended, and is answered
    expect(await upload.answer).toMatchObject({ status: 413 })
    upload.leave()
    expect(readdirSync(running.folder)).toEqual([])
  })

  it('leaves nothing when its client goes', async () => {
    await using running = await serve()
    const upload = open(running.url, path, headers)
    await upload.send(head)
    await upload.send(new Uint8Array(MiB))
    await expect.poll(() => onDisk(running.folder)).toBeGreaterThan(0)
    upload.leave()
    await expect.poll(() => readdirSync(running.folder)).toEqual([])
    await expect.poll(() => running.server.app.active).toBe(0)
  })
})

it('a form of the OpenAI API needs one file and a purpose, in any order', async () => {
  await using running = await serve()
  const post = (form: FormData) => fetch(`${running.url}/openai/v1/files`, { method: 'POST', body: form })
  const file = new File(['hello'], 'ä.txt', { type: 'text/plain' })
  const form = (...fields: [string, string | File][]): FormData => {
    const made = new FormData()
    for (const [name, value] of fields) made.append(name, value)
    return made
  }
  const good = await post(form(['file', file], ['expires_after[seconds]', '3600'], ['purpose', 'vision']))
  const told = (await good.json()) as { filename: string; purpose: string; created_at: number; expires_at: number }
  expect(told).toMatchObject({ filename: 'ä.txt', purpose: 'vision', bytes: 5 })
  expect(told.expires_at - told.created_at).toBe(3600)
  expect((await post(form(['purpose', 'batch'], ['file', file]))).status).toBe(200)
  for (const bad of [
    form(['file', file]),
    form(['purpose', 'x']),
    form(['file', file], ['file', file], ['purpose', 'x']),
  ]) {
    const { status, headers } = await post(bad)
    expect([status, headers.get('content-type')]).toEqual([400, expect.stringContaining('json')])
  }
  expect(readdirSync(running.folder).filter((entry) => entry.endsWith('.part'))).toEqual([])
  expect(running.server.deps.files.list('')).toHaveLength(2)
})

it('a resumable upload goes on where a lost connection left it', async () => {
  await using running = await serve()
  const start = await fetch(`${running.url}/upload/v1beta/files`, {
    method: 'POST',
    headers: { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start' },
    body: JSON.stringify({ file: { name: 'files/piecewise', mimeType: 'video/mp4' } }),
  })
  const url = start.headers.get('x-goog-upload-url')!
  const lost = open(url, url, { 'x-goog-upload-command': 'upload', 'x-goog-upload-offset': '0' })
  await lost.send(new Uint8Array(MiB))
  await expect.poll(() => onDisk(running.folder)).toBe(MiB)
  lost.leave()
  await expect.poll(() => running.server.app.active).toBe(0)
  const ask = (command: string, offset = 0, body?: Uint8Array<ArrayBuffer>) =>
    fetch(url, {
      method: 'POST',
      headers: { 'x-goog-upload-command': command, 'x-goog-upload-offset': String(offset) },
      body,
    })
  expect((await ask('query')).headers.get('x-goog-upload-size-received')).toBe(String(MiB))
  expect((await ask('upload, finalize', 5, new Uint8Array(1))).status).toBe(400)
  expect((await ask('upload, finalize', MiB, new Uint8Array(7))).status).toBe(200)
  const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: running.url } })
  expect(await google.files.get({ name: 'files/piecewise' })).toMatchObject({ sizeBytes: String(MiB + 7) })
})

it('what one SDK uploads the other finds', async () => {
  await using running = await serve()
  const openai = new OpenAI({ apiKey: 'k', baseURL: `${running.url}/v1`, maxRetries: 0 })
  const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: running.url } })
  const { id } = await openai.files.create({ file: new File(['hello'], 'a.txt'), purpose: 'user_data' })
  expect((await google.files.get({ name: `files/${id.replace('file-', '')}` })).displayName).toBe('a.txt')
  const { name } = await google.files.upload({ file: new Blob(['hi']), config: { mimeType: 'text/plain' } })
  expect(await (await openai.files.content(`file-${name!.replace('files/', '')}`)).text()).toBe('hi')
})
