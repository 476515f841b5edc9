import { expect, test } from 'vitest'
import { listenForInterrupt } from './interrupt.ts'

const listeners = () => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')
const echoesAreOver = () => new Promise((resolve) => setTimeout(resolve, 400))

test('one Ctrl-C that comes twice asks once, and a later one meets the default action', async () => {
  const before = listeners()
  const names: string[] = []
  {
    using interrupt = listenForInterrupt((name) => names.push(name))
    expect(listeners()).toBe(before + 2)
    process.emit('SIGINT')
    process.emit('SIGINT')
    process.emit('SIGTERM')
    expect([interrupt.signal.aborted, interrupt.exitCode]).toEqual([true, 130])
  }
  expect(names).toEqual(['SIGINT'])
  expect(listeners()).toBe(before + 2)
  await echoesAreOver()
  expect(listeners()).toBe(before)
})

test('nothing listens once it is disposed without a signal', () => {
  const before = listeners()
  {
    using interrupt = listenForInterrupt(() => {})
    expect([interrupt.signal.aborted, interrupt.exitCode]).toEqual([false, 0])
  }
  expect(listeners()).toBe(before)
})
