// Pictures, sound and video through the real server with the real SDKs and a real model that reads them: numbers 15 to 17 of
// docs/serving-checklist.md.
//
// The model's weights are as they were drawn, so what it answers means nothing; that it answers to the media shows in the
// log-probability of its first token, which is held against one forward pass over a prompt that this file writes itself.
import { readFileSync } from 'node:fs'
import { GoogleGenAI, MediaResolution, type Part } from '@google/genai'
import OpenAI from 'openai'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { MediaEncoder, type MediaPart } from '../../src/data/index.ts'
import { createEngine } from '../../src/inference/index.ts'
import { decodeMedia, encodePng, encodeWav, type Picture } from '../../src/media/index.ts'
import { MultimodalModel, multimodalPreset, preset } from '../../src/model/index.ts'
import { MediaReader } from '../../src/serve/index.ts'
import { memoryScope } from '../../src/tensor/index.ts'
import { Rng } from '../../src/util/index.ts'
import { says, scriptedServer, tokenizer } from './scriptedServer.ts'

const config = multimodalPreset(preset('micro'), tokenizer, { context: 1024 })
const model = new MultimodalModel(config).initialise(new Rng(3))
const encoder = new MediaEncoder({
  tokenizer,
  shape: { patchSize: 12, pooling: 1, imageTokens: 9, frameTokens: 4, soundFeatures: 'log_mel', mels: 64 },
})
const engine = createEngine(model, { compute: 'f32', cacheBytes: 2 ** 25 })
afterAll(() => engine.close())

const serve = () =>
  scriptedServer(['unused'], {
    model: { engine, media: new MediaReader(encoder, 64), inputs: ['text', 'image', 'audio', 'video'] },
  })
const googleOf = (baseUrl: string) => new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl } })
const openaiOf = (url: string) => new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 })

function picture(width: number, height: number, colour: readonly number[]): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3] ^ (i % 7))
  return { width, height, data }
}
const red = Buffer.from(await encodePng(picture(36, 36, [200, 20, 20])))
const blue = Buffer.from(await encodePng(picture(36, 36, [20, 20, 200])))
const tone = Buffer.from(
  encodeWav({ rate: 16_000, samples: Float32Array.from({ length: 8000 }, (_, i) => 0.5 * Math.sin(i / 5)) }),
)
const clip = readFileSync(new URL('../../src/media/fixtures/grey.mp4', import.meta.url))

const inline = (mimeType: string, bytes: Buffer): Part => ({ inlineData: { mimeType, data: bytes.toString('base64') } })
const dataUrl = (mimeType: string, bytes: Buffer): string => `data:${mimeType};base64,${bytes.toString('base64')}`

/** Log-probability of the likeliest first token of the answer to these parts, by one pass of the whole prompt. */
async function reference(parts: MediaPart[]): Promise<number> {
  const document = await encoder.encode(parts, { prompt: true })
  const [head, tail] = [says('<bos><|turn>user\n'), says('<turn|>\n<|turn>model\n')]
  // the document opens with <bos> too
  const shift = head.length - 1
  const ids = Int32Array.from([...head, ...document.ids.subarray(1), ...tail])
  const blockEnd = Int32Array.from(ids, (_, place) => place)
  document.blockEnd.forEach((end, place) => (blockEnd[place + shift] = Math.max(place, end) + shift))
  const joined = (spans: typeof document.sounds) => ({
    rows: Int32Array.from(
      spans.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + shift + i)),
    ),
    features: Float32Array.from(spans.flatMap(({ features }) => [...features])),
  })
  const positions = Int32Array.from(document.pictures.flatMap((span) => [...span.positions]))
  using _scope = memoryScope()
  const { hidden } = model.forward(
    {
      ...{ ids, blockEnd, batch: 1, time: ids.length },
      ...(document.pictures.length > 0 ? { pictures: { ...joined(document.pictures), positions } } : {}),
      ...(document.sounds.length > 0 ? { sounds: joined(document.sounds) } : {}),
    },
    { compute: 'f32' },
  )
  const logits = model.logits(hidden).slice(-tokenizer.vocabSize)
  // what stands for media is never drawn
  for (const id of [config.image_token_id, config.video_token_id, config.audio_token_id]) logits[id] = -Infinity
  const top = Math.max(...logits)
  return -Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0))
}

/** The same log-probability as the server tells it, and what it counts. */
async function ask(url: string, contents: Part[], more: { mediaResolution?: MediaResolution } = {}) {
  const { models } = googleOf(url)
  const config = { temperature: 0, maxOutputTokens: 1, responseLogprobs: true, logprobs: 1, ...more }
  const { candidates, usageMetadata } = await models.generateContent({ model: 'scripted', contents, config })
  const details = usageMetadata!.promptTokensDetails!.map(({ modality, tokenCount }) => [modality, tokenCount])
  const { totalTokens } = await models.countTokens({ model: 'scripted', contents })
  const logprob = candidates![0].logprobsResult!.chosenCandidates![0].logProbability!
  return {
    ...{ logprob, totalTokens, prompt: usageMetadata!.promptTokenCount },
    counts: Object.fromEntries(details) as Record<string, number>,
  }
}

async function askOpenAi(url: string, content: OpenAI.ChatCompletionContentPart[]): Promise<number> {
  const { choices } = await openaiOf(url).chat.completions.create({
    ...{ model: 'scripted', messages: [{ role: 'user', content }] },
    ...{ temperature: 0, max_tokens: 1, logprobs: true, top_logprobs: 1 },
  })
  return choices[0].logprobs!.content![0].logprob
}

describe('15: pictures', () => {
  it('are seen, whichever way they come', async () => {
    await using server = await serve()
    const { files } = googleOf(server.url)
    const text = { text: 'What is it?' }
    const expected = await reference([await decodeMedia(red), text])
    const { logprob, counts, prompt, totalTokens } = await ask(server.url, [inline('image/png', red), text])
    expect(logprob).toBeCloseTo(expected, 5)
    // 36 x 36 pixels are 3 x 3 patches, between two marks
    expect(counts.IMAGE).toBe(11)
    expect(totalTokens).toBe(prompt)

    const file = await files.upload({ file: new Blob([red]), config: { mimeType: 'image/png' } })
    const sent = await ask(server.url, [{ fileData: { fileUri: file.uri, mimeType: file.mimeType } }, text])
    expect(sent.logprob).toBe(logprob)
    const url = { url: dataUrl('image/png', red) }
    const parts: OpenAI.ChatCompletionContentPart[] = [
      { type: 'image_url', image_url: url },
      { type: 'text', ...text },
    ]
    expect(await askOpenAi(server.url, parts)).toBeCloseTo(logprob, 5)
    const upload = await openaiOf(server.url).files.create({
      file: new File([red], 'red.png', { type: 'image/png' }),
      purpose: 'vision',
    })
    const named: OpenAI.ChatCompletionContentPart[] = [{ type: 'file', file: { file_id: upload.id } }, parts[1]]
    expect(await askOpenAi(server.url, named)).toBeCloseTo(logprob, 5)
  })

  it.each(['jpeg', 'webp', 'gif', 'avif', 'tiff'] as const)('are read as %s', async (format) => {
    await using server = await serve()
    const bytes = await sharp(red).toFormat(format).toBuffer()
    expect((await ask(server.url, [inline(`image/${format}`, bytes)])).counts.IMAGE).toBe(11)
  })

  it('differ, and so do the answers; their order counts', async () => {
    await using server = await serve()
    const [a, b] = [inline('image/png', red), inline('image/png', blue)]
    const both = await ask(server.url, [a, { text: 'or' }, b])
    const turned = await ask(server.url, [b, { text: 'or' }, a])
    expect(both.logprob).not.toBeCloseTo(turned.logprob, 3)
    expect(both.counts).toEqual(turned.counts)
    expect(both.logprob).toBeCloseTo(
      await reference([await decodeMedia(red), { text: 'or' }, await decodeMedia(blue)]),
      5,
    )
  })

  it('take as many tokens as their resolution allows', async () => {
    await using server = await serve()
    const large = inline('image/png', Buffer.from(await encodePng(picture(120, 120, [9, 99, 199]))))
    const tokens: number[] = []
    for (const mediaResolution of [
      MediaResolution.MEDIA_RESOLUTION_LOW,
      MediaResolution.MEDIA_RESOLUTION_MEDIUM,
      MediaResolution.MEDIA_RESOLUTION_HIGH,
    ]) {
      tokens.push((await ask(server.url, [large], { mediaResolution })).counts.IMAGE)
    }
    // 1 x 1, 2 x 2 and 3 x 3 patches, between two marks
    expect(tokens).toEqual([3, 6, 11])
  })

  it('are read from what a function gave, and vectors are made of them', async () => {
    await using server = await serve()
    const { models } = googleOf(server.url)
    const count = async (parts: Part[]): Promise<number> => {
      const { usageMetadata } = await models.generateContent({
        ...{ model: 'scripted', config: { maxOutputTokens: 1 } },
        contents: [
          { role: 'user', parts: [{ text: 'look' }] },
          { role: 'model', parts: [{ functionCall: { name: 'camera', args: {} } }] },
          { role: 'user', parts },
        ],
      })
      return usageMetadata!.promptTokensDetails!.find(({ modality }) => modality === 'IMAGE')?.tokenCount ?? 0
    }
    const functionResponse = { name: 'camera', response: { ok: true } }
    expect(await count([{ functionResponse }])).toBe(0)
    expect(await count([{ functionResponse }, inline('image/png', red)])).toBe(11)
    const vector = async (part: Part) =>
      (await models.embedContent({ model: 'scripted', contents: [{ parts: [part] }] })).embeddings![0].values!
    const [first, again, other] = [
      await vector(inline('image/png', red)),
      await vector(inline('image/png', red)),
      await vector(inline('image/png', blue)),
    ]
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
  })

  it('that are damaged, or sent to a model of text, are refused by name', async () => {
    await using server = await serve()
    await expect(ask(server.url, [inline('image/png', red.subarray(0, 60))])).rejects.toMatchObject({ status: 400 })
    const url = { url: dataUrl('image/png', red.subarray(0, 60)) }
    await expect(askOpenAi(server.url, [{ type: 'image_url', image_url: url }])).rejects.toMatchObject({ status: 400 })
    await using texts = await scriptedServer(['x'])
    await expect(ask(texts.url, [inline('image/png', red)])).rejects.toMatchObject({
      ...{ status: 400, message: expect.stringContaining('text alone') },
    })
  })
})

describe('16: sound', () => {
  it('is heard over both protocols, 25 rows a second', async () => {
    await using server = await serve()
    const expected = await reference([await decodeMedia(tone), { text: 'What is it?' }])
    const { logprob, counts } = await ask(server.url, [inline('audio/wav', tone), { text: 'What is it?' }])
    expect(logprob).toBeCloseTo(expected, 5)
    // half a second, between two marks
    expect([13, 14, 15]).toContain(counts.AUDIO)
    const input_audio = { data: tone.toString('base64'), format: 'wav' as const }
    const parts: OpenAI.ChatCompletionContentPart[] = [
      { type: 'input_audio', input_audio },
      { type: 'text', text: 'What is it?' },
    ]
    expect(await askOpenAi(server.url, parts)).toBeCloseTo(logprob, 5)
  })

  it.each(['flac', 'mp3', 'ogg', 'opus', 'm4a'])('is read as %s', async (format) => {
    await using server = await serve()
    const bytes = readFileSync(new URL(`../../src/media/fixtures/tone.${format}`, import.meta.url))
    const { counts } = await ask(server.url, [inline(`audio/${format}`, bytes)])
    // 0.3 s are 7.5 rows; codecs add a little silence
    expect(counts.AUDIO).toBeGreaterThanOrEqual(9)
    expect(counts.AUDIO).toBeLessThanOrEqual(12)
  })
})

describe('17: video', () => {
  it('is seen and heard, frame by frame, as often as is asked', { timeout: 120_000 }, async () => {
    await using server = await serve()
    const part = (fps: number, more: object = {}): Part => ({
      ...inline('video/mp4', clip),
      videoMetadata: { fps, ...more },
    })
    const expected = await reference([await decodeMedia(clip, { clip: { fps: 2 } }), { text: 'What is it?' }])
    const two = await ask(server.url, [part(2), { text: 'What is it?' }])
    expect(two.logprob).toBeCloseTo(expected, 5)
    expect(two.totalTokens).toBe(two.prompt)
    const four = await ask(server.url, [part(4), { text: 'What is it?' }])
    expect(four.counts.VIDEO).toBeGreaterThan(1.5 * two.counts.VIDEO)
    const half = await ask(server.url, [part(4, { startOffset: '0.5s' }), { text: 'What is it?' }])
    expect(half.counts.VIDEO).toBeLessThan(four.counts.VIDEO)
    expect(half.counts.AUDIO).toBeLessThan(four.counts.AUDIO)
  })

  it('is read as webm, from an uploaded file', { timeout: 120_000 }, async () => {
    await using server = await serve()
    const bytes = readFileSync(new URL('../../src/media/fixtures/grey.webm', import.meta.url))
    const { files } = googleOf(server.url)
    const { uri, mimeType } = await files.upload({ file: new Blob([bytes]), config: { mimeType: 'video/webm' } })
    const { counts } = await ask(server.url, [{ fileData: { fileUri: uri, mimeType } }, { text: 'What is it?' }])
    expect(counts.VIDEO).toBeGreaterThan(5)
    // a second of sound is 25 rows
    expect(Math.abs(counts.AUDIO - 27)).toBeLessThan(4)
  })
})
