import { createHash } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { tempFolder } from '../testing/index.ts'
import { FileStore, randomId } from './fileStore.ts'

const text = { mimeType: 'text/plain', owner: 'me' }
const bytes = (length: number) => new Uint8Array(length).map((_, i) => i % 251)

it('gives back what was stored, to its owner alone, and after a restart', async () => {
  using folder = tempFolder()
  const store = new FileStore({ folder: folder.path })
  const file = await store.add({ ...text, displayName: 'a', purpose: 'batch' }, bytes(1000))
  expect(file).toMatchObject({ bytes: 1000, sha256: createHash('sha256').update(bytes(1000)).digest('base64') })
  const again = new FileStore({ folder: folder.path })
  expect(again.get(file.id, 'me')).toEqual(file)
  expect(again.list('me')).toEqual([file])
  expect(Buffer.compare(await again.read(file.id, 'me'), Buffer.from(bytes(1000)))).toBe(0)
  expect(() => again.get(file.id, 'other')).toThrow('does not exist')
  expect(() => again.remove(file.id, 'other')).toThrow('does not exist')
  expect(again.list('other')).toEqual([])
  again.remove(file.id, 'me')
  expect(readdirSync(folder.path)).toEqual([])
})

it('forgets files when their time is over, and what a crash left half', async () => {
  using folder = tempFolder({ 'half.part': 'x', 'bad.json': '{ broken', 'gone.json': '{}' })
  let now = 1_000_000
  const store = new FileStore({ folder: folder.path, ttlSeconds: 100, now: () => now })
  expect(readdirSync(folder.path).sort()).toEqual(['bad.json', 'gone.json'])
  const short = await store.add({ ...text, ttlSeconds: 10 }, bytes(1))
  const long = await store.add(text, bytes(1))
  now += 50_000
  expect(store.list('me').map(({ id }) => id)).toEqual([long.id])
  expect(() => store.get(short.id, 'me')).toThrow('has expired')
  now += 51_000
  store.sweep()
  expect(store.list('me')).toEqual([])
  expect(readdirSync(folder.path).sort()).toEqual(['bad.json', 'gone.json'])
})

it('takes pieces, goes on where one broke off, and names nothing before its end', async () => {
  using folder = tempFolder()
  const store = new FileStore({ folder: folder.path })
  const upload = await store.begin({ ...text, id: 'mine' })
  await upload.append([bytes(10)])
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield bytes(5)
    throw new Error('gone')
  }
  await expect(upload.append(broken())).rejects.toThrow('gone')
  expect(upload.offset).toBe(15)
  expect(() => store.get('mine', 'me')).toThrow('does not exist')
  expect(() => store.upload(upload.id, 'other')).toThrow('does not exist')
  await store.upload(upload.id, 'me').append([bytes(5)])
  const file = await upload.finish({ purpose: 'vision' })
  expect([file.bytes, file.purpose]).toEqual([20, 'vision'])
  const whole = Buffer.concat([bytes(10), bytes(5), bytes(5)])
  expect(Buffer.compare(await store.read('mine', 'me'), whole)).toBe(0)
  expect(file.sha256).toBe(createHash('sha256').update(whole).digest('base64'))
  await expect(upload.append([bytes(1)])).rejects.toMatchObject({ kind: 'conflict' })
  await expect(upload.finish()).rejects.toMatchObject({ kind: 'conflict' })
})

it('takes one piece at a time, and ends one that is abandoned', async () => {
  using folder = tempFolder()
  const store = new FileStore({ folder: folder.path })
  const upload = await store.begin(text)
  let more: () => void = () => {}
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield bytes(1)
    await new Promise<void>((resolve) => (more = resolve))
    yield bytes(1)
  }
  const first = upload.append(slow())
  const refused = expect(upload.append([bytes(1)])).rejects.toMatchObject({ kind: 'conflict' })
  await expect(upload.finish()).rejects.toMatchObject({ kind: 'conflict' })
  await refused
  await expect.poll(() => upload.offset).toBe(1)
  await upload.abandon()
  more()
  await expect(first).rejects.toMatchObject({ kind: 'conflict' })
  expect(readdirSync(folder.path)).toEqual([])
  expect(() => store.upload(upload.id, 'me')).toThrow('has ended')
})

it('keeps its limits: of a file, of a key with what is still coming, and of uploads at once', async () => {
  using folder = tempFolder()
  const store = new FileStore({ folder: folder.path, fileBytes: 100, totalBytes: 150 })
  await expect(store.begin(text, 101)).rejects.toMatchObject({ kind: 'tooLarge' })
  const upload = await store.begin(text)
  await expect(upload.append([bytes(60), bytes(60)])).rejects.toMatchObject({ kind: 'tooLarge' })
  expect(upload.offset).toBe(60)
  const second = await store.begin(text)
  await second.append([bytes(90)])
  await expect(second.append([bytes(1)])).rejects.toMatchObject({ kind: 'exhausted' })
  await upload.finish()
  await expect(store.begin(text, 60)).rejects.toMatchObject({ kind: 'exhausted' })
  await store.add({ ...text, owner: 'other' }, bytes(100))
  await second.abandon()
  await store.add(text, bytes(90))
  await expect(store.add(text, bytes(1))).rejects.toMatchObject({ kind: 'exhausted' })
  const many = await Promise.all(Array.from({ length: 64 }, () => store.begin({ ...text, owner: 'many' })))
  await expect(store.begin({ ...text, owner: 'many' })).rejects.toMatchObject({ kind: 'exhausted' })
  await many[0].abandon()
  await (await store.begin({ ...text, owner: 'many' })).abandon()
  await store.close()
  expect(readdirSync(folder.path).filter((name) => name.endsWith('.part'))).toEqual([])
})

it('gives a name once, even when it is asked for twice at a time, and no name that is a path', async () => {
  using folder = tempFolder()
  const store = new FileStore({ folder: folder.path })
  const both = await Promise.allSettled([store.begin({ ...text, id: 'same' }), store.begin({ ...text, id: 'same' })])
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  for (const id of ['', '../x', 'a/b', 'A', '-a', 'a-', 'x'.repeat(41), 'a.json']) {
    await expect(store.begin({ ...text, id })).rejects.toMatchObject({ kind: 'invalid' })
  }
  await store.close()
  expect(readdirSync(folder.path)).toEqual([])
})

it('cannot be led out of its folder by an entry that was tampered with', () => {
  using folder = tempFolder({ 'secret.bin': 'x' })
  const entry = { mimeType: 'a', owner: 'me', bytes: 1, createdAt: Date.now(), expiresAt: Date.now() + 1e6 }
  writeFileSync(folder.file('ok.json'), JSON.stringify({ ...entry, id: '../secret' }))
  expect(new FileStore({ folder: folder.path }).list('me')).toEqual([])
})

it('draws names of 20 letters and digits that do not repeat', () => {
  const ids = Array.from({ length: 1000 }, randomId)
  expect(new Set(ids).size).toBe(1000)
  for (const id of ids) expect(id).toMatch(/^[a-z0-9]{20}$/)
})
