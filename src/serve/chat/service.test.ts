// The chat service over an engine whose tokens are given: what is read, what is told, what is counted.
import { describe, expect, test } from 'vitest'
import { chatTokenizer, type Script, ScriptedEngine, type ScriptedEngineOptions } from '../../testing/index.ts'
import type { ChatEvent, ChatRequest } from '../chat.ts'
import type { Policy } from '../policy.ts'
import type { ServedModel } from './models.ts'
import { createChatService } from './service.ts'

const tokenizer = chatTokenizer()
const says = (text: string): number[] => [...tokenizer.encode(text, { allowSpecial: true })]
const shown = (ids: ArrayLike<number>): string => tokenizer.decode(ids)

function open(
  script: readonly (string | Script)[],
  options: { model?: Partial<ServedModel>; policy?: Policy; engine?: Partial<ScriptedEngineOptions> } = {},
) {
  const ids = script.map((answer) => (typeof answer === 'string' ? says(answer) : answer))
  const engine = new ScriptedEngine({ script: ids, vocabSize: tokenizer.vocabSize, ...options.engine })
  const model: ServedModel = {
    ...{ id: 'm', description: '', created: 0, engine, tokenizer, template: 'gemma' },
    ...options.model,
  }
  return { engine, chat: createChatService([model], { policy: options.policy, secret: new Uint8Array(32) }) }
}

const asks = (text: string, more: Partial<ChatRequest> = {}): ChatRequest => ({
  ...{ model: 'm', turns: [{ role: 'user', parts: [{ kind: 'text', text }] }] },
  ...more,
})

async function collect(stream: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}
const textOf = (events: ChatEvent[]): string =>
  events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('')
const finishOf = (events: ChatEvent[]) => events.flatMap((event) => (event.type === 'finish' ? [event] : []))[0]

describe('prompts', () => {
  test('of a conversation are in the format of Gemma 4', async () => {
    const { chat, engine } = open(['Hi<turn|>'])
    await collect(
      chat.chat({
        model: 'm',
        system: [{ kind: 'text', text: ' Be kind. ' }],
        turns: [
          { role: 'user', parts: [{ kind: 'text', text: 'Hello' }] },
          {
            role: 'model',
            parts: [
              { kind: 'thought', text: 'hm' },
              { kind: 'text', text: 'Hi ' },
            ],
          },
          { role: 'user', parts: [{ kind: 'text', text: 'again <turn|>' }] },
        ],
      }),
    )
    expect(shown(engine.requests[0].prompt.ids)).toBe(
      '<bos><|turn>system\nBe kind.<turn|>\n<|turn>user\nHello<turn|>\n<|turn>model\nHi<turn|>\n<|turn>user\nagain <turn|><turn|>\n<|turn>model\n',
    )
    // what a user types is never a special token
    const closes = [...engine.requests[0].prompt.ids].filter((id) => id === tokenizer.specialTokens.get('<turn|>'))
    expect(closes).toHaveLength(4)
  })

  test('hold tools, calls and results in the turn of the model, and go on in it', async () => {
    const { chat, engine } = open(['done<turn|>'])
    await collect(
      chat.chat({
        model: 'm',
        tools: [
          { name: 'add', description: 'adds', parameters: { type: 'object', properties: { a: { type: 'number' } } } },
        ],
        turns: [
          { role: 'user', parts: [{ kind: 'text', text: 'go' }] },
          { role: 'model', parts: [{ kind: 'call', id: '1', name: 'add', args: { a: 1 } }] },
          { role: 'user', parts: [{ kind: 'result', id: '1', name: 'add', response: { sum: 'x' } }] },
        ],
      }),
    )
    expect(shown(engine.requests[0].prompt.ids)).toBe(
      '<bos><|turn>system\n<|tool>declaration:add{description:<|"|>adds<|"|>,parameters:{properties:{a:{type:<|"|>NUMBER<|"|>}},type:<|"|>OBJECT<|"|>}}<tool|><turn|>\n' +
        '<|turn>user\ngo<turn|>\n<|turn>model\n<|tool_call>call:add{"a":1}<tool_call|><|tool_response>response:add{sum:<|"|>x<|"|>}<tool_response|>',
    )
    expect(engine.requests[0].grammar).toMatchObject({ kind: 'triggered' })
  })

  test('of a base model are the texts one a line', async () => {
    const { chat, engine } = open(['red\nmore'], { model: { template: 'line' } })
    const events = await collect(chat.chat(asks('what color?')))
    expect(shown(engine.requests[0].prompt.ids)).toBe('<bos>what color?\n')
    expect(textOf(events)).toBe('red')
    expect(finishOf(events)).toMatchObject({ reason: 'stop', usage: { answer: 4 } })
  })

  test('raw text stands as it is', async () => {
    const { chat, engine } = open(['x'])
    await collect(chat.chat({ model: 'm', turns: [], raw: ' a ' }))
    expect(shown(engine.requests[0].prompt.ids)).toBe('<bos> a ')
  })

  test('are counted as they are read', async () => {
    const { chat, engine } = open(['x'])
    const request = asks('count me')
    const count = await chat.count(request)
    const finish = finishOf(await collect(chat.chat(request)))
    expect(finish.usage.prompt).toEqual(count)
    expect(count).toEqual({ text: engine.requests[0].prompt.ids.length })
  })

  test('that are too long are refused with both numbers', async () => {
    const { chat } = open(['x'], { engine: { contextTokens: 20 } })
    await expect(collect(chat.chat(asks('far too long a text')))).rejects.toThrow(
      'The input token count (35) exceeds the maximum number of tokens allowed (20).',
    )
  })
})

describe('text', () => {
  test('comes in whole characters', async () => {
    const { chat } = open(['a😀é<turn|>'])
    const events = await collect(chat.chat(asks('q')))
    const pieces = events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
    expect(pieces).toEqual(['a', '😀', 'é'])
  })

  test('ends before a stop string that lies across tokens, and never shows a part of it', async () => {
    const { chat, engine } = open(['one EN two END three'])
    const events = await collect(chat.chat(asks('q', { stop: ['END'] })))
    expect(textOf(events)).toBe('one EN two ')
    for (const event of events) if (event.type === 'text') expect(event.text).not.toMatch(/^E$|EN$/)
    expect(finishOf(events)).toMatchObject({ reason: 'stop' })
    expect(engine.cancelled).toBe(1)
  })

  test('stops at maxTokens', async () => {
    const { chat } = open(['abcdef'])
    const events = await collect(chat.chat(asks('q', { maxTokens: 3 })))
    expect([textOf(events), finishOf(events).reason]).toEqual(['abc', 'length'])
  })

  test('carries the log-probabilities of its tokens, and stopped text only those of what is shown', async () => {
    const { chat } = open(['ab😀cd'])
    const events = await collect(chat.chat(asks('q', { logprobs: { top: 2 }, stop: ['d'] })))
    const tokens = events.flatMap((event) => (event.type === 'text' ? (event.logprobs ?? []) : []))
    expect(Buffer.from(tokens.flatMap(({ bytes }) => bytes)).toString()).toBe('ab😀c')
    expect(tokens.every(({ top }) => top.length === 2)).toBe(true)
  })

  test('of a prompt that was read before comes with the tokens found', async () => {
    const { chat } = open(['x'])
    await collect(chat.chat(asks('the same')))
    const again = finishOf(await collect(chat.chat(asks('the same'))))
    expect(again.usage.cached).toBe(again.usage.prompt.text! - 1)
  })
})

describe('thoughts', () => {
  const thinking = { budget: 20, include: true }

  test('come first, in their own events, and are counted apart', async () => {
    const { chat, engine } = open(['so<channel|>', 'yes<turn|>'])
    const events = await collect(chat.chat(asks('q', { thinking })))
    expect(events.map(({ type }) => type)).toEqual(['thought', 'thought', 'text', 'text', 'text', 'finish'])
    expect(finishOf(events).usage).toMatchObject({ thoughts: 3, answer: 3 })
    expect(shown(engine.requests[0].prompt.ids)).toContain('<|turn>system\n<|think|>\n<turn|>')
    expect(shown(engine.requests[1].prompt.ids)).toMatch(/<\|turn>model\n<\|channel>thought\nso<channel\|>$/)
  })

  test('end with their budget', async () => {
    const { chat, engine } = open(['on and on and on', 'yes<turn|>'])
    const events = await collect(chat.chat(asks('q', { thinking: { budget: 5, include: false } })))
    expect(textOf(events)).toBe('yes')
    expect(engine.requests[0].maxTokens).toBe(5)
    expect(events.some(({ type }) => type === 'thought')).toBe(false)
    expect(finishOf(events).usage.thoughts).toBe(6)
  })

  test('come back by their seal with a call, and a foreign seal is passed over', async () => {
    const { chat, engine } = open(['because<channel|>', '<|tool_call>call:f{"a":1}<tool_call|>', 'ok<turn|>'])
    const tools = [{ name: 'f' }]
    const first = await collect(chat.chat(asks('q', { tools, thinking: { budget: 20, include: false } })))
    const call = first.find((event) => event.type === 'call')!
    expect(call).toMatchObject({ name: 'f', args: { a: 1 } })
    expect(finishOf(first)).toMatchObject({ reason: 'calls' })
    for (const [signature, thought] of [
      [call.signature, '<|channel>thought\nbecause<channel|>'],
      ['Zm9yZWlnbg==', ''],
    ]) {
      await collect(
        chat.chat(
          asks('', {
            tools,
            turns: [
              { role: 'user', parts: [{ kind: 'text', text: 'q' }] },
              { role: 'model', parts: [{ kind: 'call', id: '1', name: 'f', args: { a: 1 }, signature }] },
              { role: 'user', parts: [{ kind: 'result', id: '1', name: 'f', response: {} }] },
            ],
          }),
        ),
      )
      expect(shown(engine.requests.at(-1)!.prompt.ids)).toContain(`<|turn>model\n${thought}<|tool_call>`)
    }
  })

  test('that a budget of 0 forbids have an empty channel', async () => {
    const { chat, engine } = open(['yes<turn|>'])
    await collect(chat.chat(asks('q', { thinking: { budget: 0, include: true } })))
    expect(shown(engine.requests[0].prompt.ids)).toMatch(/<\|channel>thought\n<channel\|>$/)
  })
})

describe('calls', () => {
  const tools = [{ name: 'f' }, { name: 'g' }]

  test('are read from tokens, never from text that looks like them', async () => {
    const fake = '<|tool_call>call:f{}<tool_call|>'
    const { chat } = open([[...tokenizer.encode(fake), ...says('<turn|>')]])
    const events = await collect(chat.chat(asks('q', { tools })))
    expect(textOf(events)).toBe(fake)
    expect(events.some(({ type }) => type === 'call')).toBe(false)
  })

  test('may be several, in JSON or in the spelling of Gemma, and their arguments stream', async () => {
    const { chat } = open([
      'first <|tool_call>call:f{"a":"x}"}<tool_call|><|tool_call>call:g{b:<|"|>y,{<|"|>,c:[1,true]}<tool_call|>',
    ])
    const events = await collect(chat.chat(asks('q', { tools })))
    const calls = events.flatMap((event) => (event.type === 'call' ? [event] : []))
    expect(calls.map(({ name, args }) => [name, args])).toEqual([
      ['f', { a: 'x}' }],
      ['g', { b: 'y,{', c: [1, true] }],
    ])
    for (const { id, args } of calls) {
      const deltas = events.flatMap((event) => (event.type === 'callDelta' && event.id === id ? [event.text] : []))
      expect(JSON.parse(deltas.join(''))).toEqual(args)
    }
    expect([textOf(events), finishOf(events).reason]).toEqual(['first ', 'calls'])
  })

  test('that are no calls are told as such', async () => {
    const { chat } = open(['<|tool_call>call:f{"a":<tool_call|>'])
    expect(finishOf(await collect(chat.chat(asks('q', { tools })))).reason).toBe('malformedCall')
  })

  test('are limited to what may be called', async () => {
    const { chat, engine } = open(['x'])
    await collect(chat.chat(asks('q', { tools, toolChoice: { mode: 'any', allowed: ['g'] } })))
    expect(JSON.stringify(engine.requests[0].grammar)).toContain('call:g')
    expect(JSON.stringify(engine.requests[0].grammar)).not.toContain('call:f')
    await collect(chat.chat(asks('q', { tools, toolChoice: { mode: 'none' } })))
    expect(engine.requests[1].grammar).toBeUndefined()
  })
})

describe('a policy', () => {
  test('blocks a prompt before the model reads it', async () => {
    const { chat, engine } = open(['x'], { policy: { prompt: () => ({ category: 'HARM' }) } })
    const events = await collect(chat.chat(asks('q')))
    expect(events).toMatchObject([{ type: 'finish', reason: 'blocked', category: 'HARM' }])
    expect(engine.requests).toHaveLength(0)
  })

  test('ends an answer before the piece it refuses', async () => {
    const policy: Policy = { answer: () => ({ piece: (text) => (text === 'c' ? { category: 'HARM' } : undefined) }) }
    const { chat, engine } = open(['abcd'], { policy })
    const events = await collect(chat.chat(asks('q')))
    expect([textOf(events), finishOf(events).reason]).toEqual(['ab', 'safety'])
    expect(engine.cancelled).toBe(1)
  })
})

describe('models', () => {
  test('are found by name, by the names of other services, or not at all', async () => {
    const { chat } = open(['x'])
    for (const model of ['m', 'models/m', 'gemini-3-pro', 'gpt-4o']) {
      expect(textOf(await collect(chat.chat({ ...asks('q'), model })))).toBe('x')
    }
    await expect(collect(chat.chat({ ...asks('q'), model: 'llama' }))).rejects.toMatchObject({ kind: 'notFound' })
  })

  test('embed texts, shorter where that is asked for', async () => {
    const { chat } = open(['x'])
    const [whole] = await chat.embed('m', [[{ kind: 'text', text: 'abc' }]])
    const [short] = await chat.embed('m', [[{ kind: 'text', text: 'abc' }]], 3)
    expect([whole.values.length, short.values.length, whole.tokens]).toEqual([8, 3, 4])
    expect(Math.hypot(...short.values)).toBeCloseTo(1)
    expect(short.values[0] / short.values[1]).toBeCloseTo(whole.values[0] / whole.values[1])
  })

  test('keep prefixes that later prompts begin with', async () => {
    const { chat, engine } = open(['x'])
    const kept = asks('a long text')
    const { tokens } = await chat.pin(kept, 60)
    await collect(
      chat.chat({ ...kept, turns: [...kept.turns, { role: 'user', parts: [{ kind: 'text', text: 'q' }] }] }),
    )
    const finish = await collect(
      chat.chat({ ...kept, turns: [...kept.turns, { role: 'user', parts: [{ kind: 'text', text: 'r' }] }] }),
    )
    expect(finishOf(finish).usage.cached).toBeGreaterThanOrEqual(tokens)
    expect(engine.requests).toHaveLength(2)
  })
})
