import { describe, expect, it } from 'vitest'
import type { Part } from '../api/geminiTypes.ts'
import { appendParts, buildRequest, contentsOf, withMedia } from './request.ts'
import { choiceList, defaultSettings, settingsProblem } from './settings.ts'
import type { Message } from './tree.ts'

const message = (role: 'user' | 'model', ...parts: Part[]): Message => ({
  ...{ id: String(Math.random()), parent: null, role, parts, createdAt: 0 },
})

describe('contentsOf', () => {
  it('leaves out thoughts and empty answers, keeps signatures, and joins neighbours of one role', () => {
    const path = [
      message('user', { text: 'a' }),
      message('model'),
      message('user', { text: 'b' }),
      message('model', { text: 'hm', thought: true }, { text: 'c', thoughtSignature: 'sig' }, { text: '' }),
    ]
    expect(contentsOf(path)).toEqual([
      { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] },
      { role: 'model', parts: [{ text: 'c', thoughtSignature: 'sig' }] },
    ])
  })

  it('sends calls with their signature and results with their id', () => {
    const call = { functionCall: { id: '1', name: 'f', args: {} }, thoughtSignature: 's' }
    const result = { functionResponse: { id: '1', name: 'f', response: { result: 2 } } }
    expect(contentsOf([message('model', call), message('user', result)])).toEqual([
      { role: 'model', parts: [call] },
      { role: 'user', parts: [result] },
    ])
  })
})

describe('appendParts', () => {
  it('joins text with text and thoughts with thoughts, whatever the chunks', () => {
    const chunks: Part[] = [
      { text: 'I ', thought: true },
      { text: 'see', thought: true },
      { text: 'He' },
      { text: 'llo' },
      { functionCall: { name: 'f' } },
      { text: 'x' },
      { text: '', thoughtSignature: 's' },
    ]
    const whole = appendParts([], chunks)
    expect(whole).toEqual([
      { text: 'I see', thought: true },
      { text: 'Hello' },
      { functionCall: { name: 'f' } },
      { text: 'x', thoughtSignature: 's' },
    ])
    expect(chunks.reduce<Part[]>((parts, chunk) => appendParts(parts, [chunk]), [])).toEqual(whole)
  })

  it('keeps a last chunk of empty text from becoming a part', () => {
    expect(appendParts([], [{ text: '' }])).toEqual([])
  })
})

describe('buildRequest', () => {
  const path = [message('user', { text: 'q' })]

  it('sends nothing that was not asked for', () => {
    expect(buildRequest(path, defaultSettings)).toEqual({ contents: [{ role: 'user', parts: [{ text: 'q' }] }] })
  })

  it('sends 0 as a temperature and a budget, which is not nothing', () => {
    const { generationConfig } = buildRequest(path, { ...defaultSettings, temperature: 0, thinking: 'off' })
    expect(generationConfig).toEqual({ temperature: 0, thinkingConfig: { includeThoughts: false, thinkingBudget: 0 } })
  })

  it('sends schema, choices, functions and everything of the panel where the API wants them', () => {
    const settings = {
      ...defaultSettings,
      ...{ system: 'Be brief', topK: 5, topP: 0.9, maxTokens: 7, seed: 3, stop: ['x'], pictures: true },
      ...{ resolution: 'HIGH' as const, thinking: 'budget' as const, thinkingBudget: 9 },
      ...{ tools: true, toolMode: 'ANY' as const, declarations: '[{"name":"f"}]' },
      ...{ format: 'choice' as const, choices: 'a\n b \n\na' },
    }
    expect(buildRequest(path, settings)).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'q' }] }],
      systemInstruction: { parts: [{ text: 'Be brief' }] },
      tools: [{ functionDeclarations: [{ name: 'f' }] }],
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
      generationConfig: {
        ...{ topK: 5, topP: 0.9, maxOutputTokens: 7, seed: 3, stopSequences: ['x'] },
        mediaResolution: 'MEDIA_RESOLUTION_HIGH',
        responseModalities: ['TEXT', 'IMAGE'],
        thinkingConfig: { includeThoughts: true, thinkingBudget: 9 },
        responseMimeType: 'text/x.enum',
        responseJsonSchema: { type: 'string', enum: ['a', 'b'] },
      },
    })
  })

  it('puts files in the place of their references', async () => {
    const media = { id: 'm', mimeType: 'image/png', name: 'a.png', bytes: 3 }
    const request = buildRequest([message('user', { media }, { text: 'what?' })], defaultSettings)
    const whole = await withMedia(request, async ({ mimeType }) => ({ inlineData: { mimeType, data: 'AAAA' } }))
    expect(whole.contents[0].parts).toEqual([
      { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
      { text: 'what?' },
    ])
  })
})

describe('settings', () => {
  it('say why nothing can be sent', () => {
    expect(settingsProblem(defaultSettings)).toBe('')
    expect(settingsProblem({ ...defaultSettings, format: 'json', schema: '{' })).toMatch(
      /schema of the answer: no JSON/,
    )
    expect(settingsProblem({ ...defaultSettings, format: 'choice', choices: ' \n' })).toMatch(/no choice/)
    expect(settingsProblem({ ...defaultSettings, tools: true, declarations: '{}' })).toMatch(
      /functions: must be a list/,
    )
    expect(choiceList(' a\nb\n\na')).toEqual(['a', 'b'])
  })
})
