// The mix of the soak: what programs ask of a server, with the mistakes they make.
//
// Prompts are drawn anew for every request but for shared beginnings, and schemas with names that never come again, so that
// whatever the server keeps by content must let go of it.
import type { Rng } from '../../src/util/index.ts'
import { checkChat, checkGemini, checkResponse, checkVectors } from './answers.ts'
import type { SoakRequest } from './client.ts'

const words =
  'river stone bread window garden letter copper winter ladder summer bottle harbour engine valley carpet mirror'.split(
    ' ',
  )
const gemini = { 'x-goog-api-key': 'soak' }
const openai = { authorization: 'Bearer soak' }
const model = 'soak'
const models = `/v1beta/models/${model}`

/** Shares of 100. */
const mix: readonly (readonly [share: number, make: (rng: Rng) => SoakRequest])[] = [
  [30, geminiAnswer],
  [30, chatAnswer],
  [6, responseAnswer],
  [4, completion],
  [6, embedding],
  [6, counting],
  [4, cachedContent],
  [14, malformed],
]

/** Draws a request; some clients leave before they have their answer. */
export function drawRequest(rng: Rng): SoakRequest {
  let at = rng.integer(100)
  const [, make] = mix.find(([share]) => (at -= share) < 0)!
  const request = make(rng)
  return request.isWrong || rng.integer(6) > 0 ? request : { ...request, leave: drawLeave(rng) }
}

function drawLeave(rng: Rng): NonNullable<SoakRequest['leave']> {
  const kind = rng.integer(10)
  if (kind === 0) return { ms: 50, halfBody: true }
  return kind < 5 ? { pieces: 1 + rng.integer(12) } : { ms: rng.integer(2500) }
}

function text(rng: Rng, count: number): string {
  return Array.from({ length: count }, () => words[rng.integer(words.length)]).join(' ')
}

/** The same few long texts over and over. */
function sharedText(rng: Rng): string {
  const which = rng.integer(4)
  return Array.from({ length: 200 }, (_, i) => words[(i * (which + 3) + ((i * i) >> 3)) % words.length]).join(' ')
}

/** Short for most, long for some, with a shared beginning for a third. */
function drawPrompt(rng: Rng): { system?: string; text: string } {
  const kind = rng.integer(12)
  const system = kind % 3 === 0 ? sharedText(rng) : undefined
  return { system, text: text(rng, kind < 10 ? 3 + rng.integer(30) : 100 + rng.integer(300)) }
}

/** Numbers that both protocols know. */
function drawNumbers(rng: Rng): { max: number; temperature: number; top_p: number; seed: number } {
  return {
    max: 1 + rng.integer(rng.integer(4) === 0 ? 160 : 40),
    ...{ temperature: rng.integer(3) / 2, top_p: 1 - rng.integer(3) / 10, seed: rng.integer(1e9) },
  }
}

/** A schema that no other request has. */
function drawSchema(rng: Rng): Record<string, unknown> {
  const name = (): string => `${words[rng.integer(words.length)]}_${rng.integer(1e6)}`
  const value = (): unknown =>
    [
      { type: 'integer', minimum: 0, maximum: rng.integer(1000) },
      { type: 'string', enum: [name(), name(), name()] },
      { type: 'boolean' },
      { type: 'string', maxLength: 1 + rng.integer(20) },
      { type: 'array', items: { type: 'integer', minimum: 0, maximum: 9 }, maxItems: 1 + rng.integer(4) },
    ][rng.integer(5)]
  const properties = Object.fromEntries(Array.from({ length: 1 + rng.integer(4) }, () => [name(), value()]))
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
}

function geminiBody(rng: Rng, json: boolean): Record<string, unknown> {
  const { system, text } = drawPrompt(rng)
  const { max, temperature, top_p, seed } = drawNumbers(rng)
  return {
    ...(system === undefined ? {} : { systemInstruction: { parts: [{ text: system }] } }),
    contents: [{ role: 'user', parts: [{ text }] }],
    generationConfig: {
      ...{ maxOutputTokens: json ? 120 : max, temperature, topP: top_p, seed },
      ...(json ? { responseMimeType: 'application/json', responseJsonSchema: drawSchema(rng) } : {}),
      ...(rng.integer(8) === 0 ? { responseLogprobs: true, logprobs: 3 } : {}),
      ...(!json && rng.integer(10) === 0 ? { stopSequences: ['a', 'the'] } : {}),
      ...(rng.integer(10) === 0 ? { candidateCount: 2 } : {}),
    },
  }
}

function geminiAnswer(rng: Rng): SoakRequest {
  const [stream, json] = [rng.integer(3) > 0, rng.integer(4) === 0]
  const method = stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
  const body = geminiBody(rng, json)
  const several = (body.generationConfig as { candidateCount?: number }).candidateCount !== undefined
  return {
    ...{
      kind: `gemini${json ? ' json' : ''}`,
      path: `${models}:${method}`,
      headers: gemini,
      body: JSON.stringify(body),
    },
    // of several candidates the pieces are mixed: only that they come is checked
    check: (answer) => (several ? undefined : checkGemini(answer, { stream, json })),
  }
}

function chatBody(rng: Rng, stream: boolean, json: boolean): Record<string, unknown> {
  const { system, text } = drawPrompt(rng)
  const { max, ...numbers } = drawNumbers(rng)
  return {
    model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: text },
      ...(rng.integer(4) === 0
        ? [
            { role: 'assistant', content: 'stone' },
            { role: 'user', content: 'again' },
          ]
        : []),
    ],
    ...{ max_tokens: json ? 120 : max, ...numbers, stream },
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    ...(json
      ? { response_format: { type: 'json_schema', json_schema: { name: 's', strict: true, schema: drawSchema(rng) } } }
      : {}),
    ...(rng.integer(8) === 0 ? { logprobs: true, top_logprobs: 2 } : {}),
    ...(rng.integer(10) === 0 ? { frequency_penalty: 0.5, presence_penalty: 0.5 } : {}),
  }
}

function chatAnswer(rng: Rng): SoakRequest {
  const [stream, json] = [rng.integer(3) > 0, rng.integer(4) === 0]
  const body = JSON.stringify(chatBody(rng, stream, json))
  return {
    ...{ kind: `chat${json ? ' json' : ''}`, path: '/v1/chat/completions', headers: openai, body },
    check: (answer) => checkChat(answer, { stream, json }),
  }
}

function responseAnswer(rng: Rng): SoakRequest {
  const stream = rng.integer(2) === 0
  const { system, text: input } = drawPrompt(rng)
  const body = { model, input, instructions: system, max_output_tokens: 16 + rng.integer(24), stream }
  return {
    ...{ kind: 'responses', path: '/v1/responses', headers: openai, body: JSON.stringify(body) },
    check: (answer) => checkResponse(answer, { stream }),
  }
}

function completion(rng: Rng): SoakRequest {
  const body = { model, prompt: [text(rng, 5), text(rng, 9)], max_tokens: 12, logprobs: 1, echo: rng.integer(2) === 0 }
  const count = (answer: string): number => (JSON.parse(answer) as { choices: unknown[] }).choices.length
  return {
    ...{ kind: 'completions', path: '/v1/completions', headers: openai, body: JSON.stringify(body) },
    check: (answer) => (count(answer) === 2 ? undefined : 'choices must be 2'),
  }
}

function embedding(rng: Rng): SoakRequest {
  if (rng.integer(2) === 0) {
    const body = { model, input: [text(rng, 10), text(rng, 100)] }
    return {
      ...{ kind: 'embeddings', path: '/v1/embeddings', headers: openai, body: JSON.stringify(body) },
      check: (answer) => {
        const { data } = JSON.parse(answer) as { data: { embedding: unknown }[] }
        return checkVectors(
          data.map((each) => each.embedding),
          2,
        )
      },
    }
  }
  const body = { content: { parts: [{ text: text(rng, 20) }] } }
  return {
    ...{ kind: 'embedContent', path: `${models}:embedContent`, headers: gemini, body: JSON.stringify(body) },
    check: (answer) => checkVectors([(JSON.parse(answer) as { embedding: { values: unknown } }).embedding.values], 1),
  }
}

function counting(rng: Rng): SoakRequest {
  const body = { contents: [{ role: 'user', parts: [{ text: text(rng, 5 + rng.integer(400)) }] }] }
  return {
    ...{ kind: 'countTokens', path: `${models}:countTokens`, headers: gemini, body: JSON.stringify(body) },
    check: (answer) => ((JSON.parse(answer) as { totalTokens: number }).totalTokens > 5 ? undefined : 'too few tokens'),
  }
}

/** A pinned beginning, an answer behind it, and for half of them its end; the others run out. */
function cachedContent(rng: Rng): SoakRequest {
  const create = {
    model: `models/${model}`,
    systemInstruction: { parts: [{ text: text(rng, 120) }] },
    ttl: `${2 + rng.integer(5)}s`,
  }
  const [question, isRemoved] = [text(rng, 6), rng.integer(2) === 0]
  return {
    ...{ kind: 'cachedContents', path: '/v1beta/cachedContents', headers: gemini, body: JSON.stringify(create) },
    then(created) {
      const { name } = JSON.parse(created) as { name: string }
      const contents = [{ role: 'user', parts: [{ text: question }] }]
      const remove: SoakRequest = {
        ...{ kind: 'cachedContents', method: 'DELETE', path: `/v1beta/${name}`, headers: gemini, body: '' },
        // it may have run out while it waited
        allows404: true,
      }
      return {
        ...{ kind: 'cached', path: `${models}:generateContent`, headers: gemini, allows404: true },
        body: JSON.stringify({ cachedContent: name, contents, generationConfig: { maxOutputTokens: 8 } }),
        check: (answer) => checkGemini(answer, { stream: false, json: false }),
        then: () => (isRemoved ? remove : undefined),
      }
    },
  }
}

/** Bodies that no server may take. */
function malformed(rng: Rng): SoakRequest {
  const whole = JSON.stringify(geminiBody(rng, false))
  const generate = { kind: 'malformed', path: `${models}:generateContent`, headers: gemini, isWrong: true }
  const chat = { kind: 'malformed', path: '/v1/chat/completions', headers: openai, isWrong: true }
  const messages = [{ role: 'user', content: 'Hi' }]
  const choices: SoakRequest[] = [
    { ...generate, body: whole.slice(0, whole.length - 1 - rng.integer(20)) },
    { ...generate, body: '' },
    { ...generate, body: '[]' },
    { ...generate, body: Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d]) },
    { ...generate, body: '['.repeat(20_000) },
    { ...generate, body: JSON.stringify({ contents: 17 }) },
    { ...generate, body: JSON.stringify({ contents: [{ role: 'nobody', parts: [{ text: 'Hi' }] }] }) },
    { ...generate, body: JSON.stringify({ contents: [{ parts: [{ text: text(rng, 6000) }] }] }) },
    {
      ...generate,
      body: JSON.stringify({ contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }] }] }),
    },
    { ...generate, path: `/v1beta/models/nothing-${rng.integer(1000)}:generateContent`, body: whole },
    { ...chat, body: JSON.stringify({ model, messages, temperature: 'warm' }) },
    { ...chat, body: JSON.stringify({ model, messages, max_tokens: -1 }) },
    { ...chat, body: JSON.stringify({ model, messages: [] }) },
    { ...chat, body: JSON.stringify({ model: `nothing-${rng.integer(1000)}`, messages }) },
    { ...chat, body: JSON.stringify({ model, messages: [{ role: 'user', content: text(rng, 6000) }] }) },
    { ...chat, body: '{"model":"soak","messages":[{"role":"user","content":"\\ud800' },
    {
      ...chat,
      body: JSON.stringify({
        model,
        messages,
        response_format: { type: 'json_schema', json_schema: { name: 's', strict: true, schema: { type: 'strange' } } },
      }),
    },
  ]
  return choices[rng.integer(choices.length)]
}
