import { expect, test } from 'vitest'
import type { EngineEvent } from '../engineTypes.ts'
import { EventStream } from './eventStream.ts'

const token = (id: number): EngineEvent => ({ type: 'token', id })

function newStream(limit = 3, signal?: AbortSignal) {
  const calls: string[] = []
  const note = (name: string) => () => {
    calls.push(name)
  }
  const source = { start: note('start'), cancel: note('cancel'), onRead: note('read') }
  return { stream: new EventStream(source, { limit, signal }), calls }
}

test('starts at the first read, is full at its limit, and hands out in order', async () => {
  const { stream, calls } = newStream(2)
  expect(calls).toEqual([])
  const first = stream.next()
  stream.push(token(1))
  expect([(await first).value, calls]).toEqual([token(1), ['start', 'read']])
  stream.push(token(2))
  expect(stream.isFull).toBe(false)
  stream.push(token(3))
  expect(stream.isFull).toBe(true)
  stream.end()
  expect([(await stream.next()).value, (await stream.next()).value, (await stream.next()).done]).toEqual([
    token(2),
    token(3),
    true,
  ])
})

test('keeps the latest of progress only', async () => {
  const { stream } = newStream()
  const first = stream.next()
  for (const done of [1, 2, 3]) stream.push({ type: 'prefill', done, total: 3 })
  expect((await first).value).toMatchObject({ done: 1 })
  expect((await stream.next()).value).toMatchObject({ done: 3 })
})

test('leaving cancels at once, also while a read waits', async () => {
  const { stream, calls } = newStream()
  const waiting = stream.next()
  await stream.return()
  expect([(await waiting).done, calls, (await stream.next()).done]).toEqual([true, ['start', 'cancel'], true])
  const { stream: never, calls: none } = newStream()
  await never.return()
  expect([(await never.next()).done, none]).toEqual([true, []])
})

test('a signal cancels, and its reason is what the reader gets', async () => {
  const stop = new AbortController()
  const { stream, calls } = newStream(3, stop.signal)
  const waiting = stream.next()
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  expect(calls).toEqual(['start', 'cancel'])
  const { stream: late, calls: none } = newStream(3, stop.signal)
  await expect(late.next()).rejects.toThrow('enough')
  expect(none).toEqual([])
})

test('an error comes in the place of what waits, once', async () => {
  const { stream } = newStream()
  const first = stream.next()
  stream.push(token(1))
  await first
  stream.push(token(2))
  stream.fail(new Error('broken'))
  await expect(stream.next()).rejects.toThrow('broken')
  expect((await stream.next()).done).toBe(true)
})
