// Bodies of /chat/completions against the requests they stand for.
import { describe, expect, test } from 'vitest'
import { readChatCall } from './chatRequest.ts'
import { fromBase64, fromDataUrl } from './content.ts'
import { ResponseStore } from './responses/store.ts'
import { samplingOfChoice, seed32 } from './sampling.ts'

const noFiles = () => Promise.reject(new Error('no files'))
const read = async (fields: object) =>
  (await readChatCall({ model: 'm', messages: user('x'), ...fields }, noFiles)).request
const user = (content: unknown) => [{ role: 'user', content }]

describe('messages', () => {
  test('become a system text at the head, and turns', async () => {
    const messages = [
      { role: 'system', content: 'a' },
      { role: 'developer', content: [{ type: 'text', text: 'b' }] },
      { role: 'user', content: 'c' },
      { role: 'system', content: 'late' },
      { role: 'assistant', content: 'd', reasoning_content: 't' },
    ]
    const { system, turns } = await read({ messages })
    expect(system!.map((part) => (part.kind === 'text' ? part.text : ''))).toEqual(['a', '\n\n', 'b'])
    expect(turns.map(({ role, parts }) => [role, parts.map(({ kind }) => kind)])).toEqual([
      ['user', ['text']],
      ['user', ['text']],
      ['model', ['thought', 'text']],
    ])
  })

  test('of tools find the call they answer, and stand in one turn', async () => {
    const call = (id: string) => ({ id, type: 'function', function: { name: `f${id}`, arguments: '{"a":1}' } })
    const result = (id: string, content: string) => ({ role: 'tool', tool_call_id: id, content })
    const assistant = { role: 'assistant', content: null, tool_calls: [call('1'), call('2')] }
    const { turns } = await read({ messages: [...user('x'), assistant, result('2', '{"b":2}'), result('1', 'text')] })
    expect(turns[1].parts).toMatchObject([{ kind: 'call', name: 'f1', args: { a: 1 } }, { name: 'f2' }])
    expect(turns[2].parts).toEqual([
      { kind: 'result', id: '2', name: 'f2', response: { b: 2 } },
      { kind: 'result', id: '1', name: 'f1', response: 'text' },
    ])
    await expect(read({ messages: [...user('x'), result('9', '')] })).rejects.toMatchObject({
      field: 'messages[1].tool_call_id',
    })
  })

  test('carry media as data, never as addresses to fetch', async () => {
    const image = (url: string) => user([{ type: 'image_url', image_url: { url, detail: 'low' } }])
    const { turns } = await read({ messages: image('data:image/png;base64,AAEC') })
    const media = { kind: 'media', mimeType: 'image/png', bytes: new Uint8Array([0, 1, 2]), resolution: 'low' }
    expect(turns[0].parts).toEqual([media])
    await expect(read({ messages: image('http://localhost/a.png') })).rejects.toMatchObject({
      field: 'messages[0].content[0].image_url.url',
    })
  })
})

describe('what is wanted', () => {
  test('of tools narrows to what may be called', async () => {
    const tools = ['f', 'g'].map((name) => ({ type: 'function', function: { name, parameters: {} } }))
    const one = { type: 'function', function: { name: 'g' } }
    const some = { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [one] } }
    const choice = async (tool_choice: unknown) => (await read({ tools, tool_choice })).toolChoice
    expect(await choice('required')).toEqual({ mode: 'any' })
    expect(await choice(one)).toEqual({ mode: 'any', allowed: ['g'], parallel: false })
    expect(await choice(some)).toEqual({ mode: 'any', allowed: ['g'] })
    expect((await read({ tools, parallel_tool_calls: false })).toolChoice).toEqual({ mode: 'auto', parallel: false })
  })

  test('of thought comes in tokens', async () => {
    expect((await read({ reasoning_effort: 'none' })).thinking).toEqual({ budget: 0, include: true })
    expect((await read({ reasoning_effort: 'low' })).thinking).toEqual({ budget: 1024, include: true })
    const google = { thinking_config: { thinking_budget: 5, include_thoughts: true } }
    expect((await read({ extra_body: { google } })).thinking).toEqual({ budget: 5, include: true })
    expect((await read({ chat_template_kwargs: { enable_thinking: true } })).thinking!.budget).toBe(-1)
  })

  test('takes null for nothing', async () => {
    const fields = { temperature: null, stop: null, tools: null, response_format: null, n: null, logit_bias: null }
    expect(await read(fields)).toEqual(await read({}))
  })
})

describe('seeds', () => {
  test('fit in 32 bits, small ones as they are, and differ between choices', () => {
    expect(seed32(7)).toBe(7)
    for (const seed of [-1, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      expect(seed32(seed)).toBe(seed32(seed) >>> 0)
      expect(seed32(seed)).not.toBe(seed32(seed + 1))
    }
    const seeds = [0, 1, 2, 3].map((choice) => samplingOfChoice({ seed: 5 }, choice)!.seed)
    expect(seeds[0]).toBe(5)
    expect(new Set(seeds).size).toBe(4)
  })
})

describe('data', () => {
  test('is read from base64 of both spellings and from data: addresses', () => {
    expect(fromBase64('-_8=', 'f')).toEqual(new Uint8Array([251, 255]))
    expect(fromBase64('+/8', 'f')).toEqual(new Uint8Array([251, 255]))
    expect(fromDataUrl('data:text/plain;charset=utf-8,a%20b', 'f').bytes).toEqual(new TextEncoder().encode('a b'))
    for (const bad of ['', 'A', 'AA$A', 'AAAAA']) expect(() => fromBase64(bad, 'f')).toThrow('base64')
    for (const bad of ['data:', 'data:image/png;base64', 'x,AAAA', 'data:a b,AA'])
      expect(() => fromDataUrl(bad, 'f')).toThrow('data:')
  })
})

describe('kept responses', () => {
  test('are bounded, the longest unused forgotten first, and belong to their key', () => {
    const store = new ResponseStore({ responses: 2 })
    const add = (id: string) => store.add({ id, owner: 'k', response: {}, input: [], items: [{ id: `item-${id}` }] })
    add('a')
    add('b')
    expect(store.history('k').before('a')).toEqual([{ id: 'item-a' }])
    add('c')
    expect(store.size).toBe(2)
    expect(() => store.get('b', 'k')).toThrow('not found')
    expect(() => store.get('a', 'other')).toThrow('not found')
    expect(store.history('k').item('item-c')).toEqual({ id: 'item-c' })
    expect(store.history('other').item('item-c')).toBeUndefined()
    store.remove('a', 'k')
    expect(store.size).toBe(1)
  })
})
