import { describe, expect, it } from 'vitest'
import { readEvents, SseParser } from './sse.ts'

const stream =
  ': ping\n\ndata: {"a":1}\n\ndata: {"b":"é😀"}\r\n\r\nevent: x\rdata:two\rdata: lines\r\rid: 7\n\ndata: last\n\n'
const expected = ['{"a":1}', '{"b":"é😀"}', 'two\nlines', 'last']

function bodyOf(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(at, at + size))
      at += size
    },
  })
}

describe('SseParser', () => {
  it('reads the same events wherever the pieces are cut', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const parser = new SseParser()
      const events = [...parser.push(stream.slice(0, cut)), ...parser.push(stream.slice(cut)), ...parser.end()]
      expect(events).toEqual(expected)
    }
  })

  it('gives an event whose blank line never came at the end', () => {
    const parser = new SseParser()
    expect(parser.push('data: half')).toEqual([])
    expect(parser.end()).toEqual(['half'])
  })
})

describe('readEvents', () => {
  it('joins characters that the network cut in two', async () => {
    const bytes = new TextEncoder().encode(stream)
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const events: string[] = []
      for await (const data of readEvents(bodyOf(bytes, size))) events.push(data)
      expect(events).toEqual(expected)
    }
  })

  it('cancels the body when the loop is left', async () => {
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('data: x\n\n')),
      cancel: () => {
        cancelled = true
      },
    })
    for await (const data of readEvents(body)) {
      expect(data).toBe('x')
      break
    }
    expect(cancelled).toBe(true)
  })
})
