import { expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { boundaryOf, multipartParts } from './multipart.ts'

/** Bytes in pieces of random sizes. */
async function* inPieces(bytes: Uint8Array, rng: Rng, most: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const next = at + 1 + rng.integer(most)
    yield Buffer.from(bytes.subarray(at, next))
    at = next
  }
}

async function gathered(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

async function readAll(bytes: Uint8Array, boundary: string, rng = new Rng(1), most = 50) {
  const parts: { name?: string; fileName?: string; type?: string; content: Buffer }[] = []
  for await (const { body, ...head } of multipartParts(inPieces(bytes, rng, most), boundary)) {
    parts.push({ ...head, content: await gathered(body) })
  }
  return parts
}

it('reads what a client of fetch writes, however it is cut', async () => {
  const rng = new Rng(2)
  for (let round = 0; round < 100; round++) {
    // bytes that look like boundaries, above all
    const content = Buffer.from(
      Array.from({ length: rng.integer(300) }, () => '\r\n-----form'.charCodeAt(rng.integer(11))),
    )
    const form = new FormData()
    form.append('purpose', 'bätch\r\n--x')
    form.append('file', new File([content], 'a "b"\n.bin', { type: 'application/x-test' }))
    form.append('empty', '')
    const response = new Response(form)
    const boundary = boundaryOf(response.headers.get('content-type')!)
    const parts = await readAll(new Uint8Array(await response.arrayBuffer()), boundary, rng, 1 + rng.integer(80))
    expect(parts.map(({ name, fileName }) => [name, fileName])).toEqual([
      ['purpose', undefined],
      ['file', 'a "b"\n.bin'],
      ['empty', undefined],
    ])
    expect(parts[0].content.toString()).toBe('bätch\r\n--x')
    expect(parts[1].type).toBe('application/x-test')
    expect(parts[1].content.equals(content)).toBe(true)
    expect(parts[2].content).toHaveLength(0)
  }
})

it('takes parts without a head, and passes over what stands around them and what nobody reads', async () => {
  const text = 'before\r\n--b \r\n\r\nfirst\r\n--b\r\nContent-Type: text/plain\r\n\r\nsecond\r\n--b--\r\nbehind'
  const parts = await readAll(Buffer.from(text), 'b')
  expect(parts.map(({ type, content }) => [type, content.toString()])).toEqual([
    [undefined, 'first'],
    ['text/plain', 'second'],
  ])
  const types: (string | undefined)[] = []
  for await (const { type } of multipartParts(inPieces(Buffer.from(text), new Rng(1), 4), 'b')) types.push(type)
  expect(types).toEqual([undefined, 'text/plain'])
})

it('passes pieces on as they come', async () => {
  let sent = 0
  async function* source(): AsyncGenerator<Buffer> {
    for (const piece of ['--b\r\n\r\nhalf of it', ' and the rest', '\r\n--b--']) {
      sent++
      yield Buffer.from(piece)
    }
  }
  for await (const { body } of multipartParts(source(), 'b')) {
    for await (const _ of body) if (sent === 1) return
  }
  throw new Error('all was read before any was given')
})

it('refuses what is cut, has no boundary, or has a head without an end', async () => {
  await expect(readAll(Buffer.from('--b\r\n\r\nfirst'), 'b')).rejects.toThrow('ended before its last boundary')
  await expect(readAll(Buffer.from('nothing'), 'b')).rejects.toThrow('ended before its last boundary')
  const head = `--b\r\n${'x: y\r\n'.repeat(5000)}`
  await expect(readAll(Buffer.from(head), 'b')).rejects.toThrow('at most 16384 bytes')
  await expect(readAll(Buffer.from('--b\r\n\r\n\r\n'.repeat(200)), 'b')).rejects.toThrow('at most 128 parts')
  expect(() => boundaryOf('multipart/form-data')).toThrow('boundary')
  expect(boundaryOf('multipart/related; boundary="a b"; type=x')).toBe('a b')
})
