// Pictures that the model draws, alone and within a text, over both protocols.
//
// A real engine over weights as they were drawn shows that what is asked for comes, each code from the range of its place; a scripted
// one shows where a picture stands in a text.
import { GoogleGenAI, Modality, type Part } from '@google/genai'
import OpenAI from 'openai'
import { afterAll, describe, expect, it } from 'vitest'
import { MediaEncoder } from '../../src/data/index.ts'
import { createEngine } from '../../src/inference/index.ts'
import { decodeMedia, encodePng, unpatchify } from '../../src/media/index.ts'
import { FsqTokenizer, MultimodalModel, multimodalPreset, preset } from '../../src/model/index.ts'
import { drawerOf, grammarVocabulary, MediaReader, type ServedModel } from '../../src/serve/index.ts'
import { chatTokenizer } from '../../src/testing/index.ts'
import { Rng } from '../../src/util/index.ts'
import { scriptedServer } from './scriptedServer.ts'

/** 3 x 3 patches of 12 x 12 pixels, two codes of 16 values each. */
const [places, perPatch, values] = [9, 2, 16]
const codes = new FsqTokenizer({
  ...{
    kind: 'image',
    inputDim: 3 * 12 ** 2,
    channels: 3,
    hidden: 16,
    depth: 1,
    levels: [4, 4],
    tokensPerPatch: perPatch,
  },
}).initialise(new Rng(7))
const tokenizer = chatTokenizer(Array.from({ length: perPatch * values }, (_, i) => `<|image_code_${i}|>`))
const first = tokenizer.specialTokens.get('<|image_code_0|>')!
const encoder = new MediaEncoder({
  ...{
    tokenizer,
    imageCodes: { first, tokens: perPatch, size: values, encode: (features: Float32Array) => codes.encode(features) },
  },
  shape: { patchSize: 12, pooling: 1, imageTokens: places, frameTokens: 4, soundFeatures: 'log_mel', mels: 64 },
})
const media: Partial<ServedModel> = {
  ...{
    tokenizer,
    media: new MediaReader(encoder, 64),
    inputs: ['text', 'image'],
    drawer: drawerOf(encoder, { image: codes }),
  },
}
const config = multimodalPreset(preset('micro'), tokenizer, { context: 512 })
const engine = createEngine(new MultimodalModel(config).initialise(new Rng(2)), {
  ...{ compute: 'f32', cacheBytes: 2 ** 25, vocabulary: grammarVocabulary(tokenizer) },
})
afterAll(() => engine.close())

const says = (text: string): number[] => [...tokenizer.encode(text, { allowSpecial: true })]
const googleOf = (baseUrl: string) => new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl } }).models
const bytesOf = ({ inlineData }: Part): Buffer => Buffer.from(inlineData!.data!, 'base64')

/** What a part is: its text, or that it is a picture. */
const kinds = (parts: readonly Part[]): string[] => parts.map(({ text, inlineData }) => inlineData?.mimeType ?? text!)

describe('a picture', () => {
  it('comes when it is asked for, the same streamed, and another with another seed', async () => {
    await using server = await scriptedServer(['unused'], { model: { ...media, engine } })
    const models = googleOf(server.url)
    const ask = (seed: number) => ({
      ...{ model: 'scripted', contents: 'a red circle' },
      config: { seed, responseModalities: [Modality.IMAGE] },
    })
    const { candidates, usageMetadata } = await models.generateContent(ask(1))
    const { parts } = candidates![0].content!
    expect(kinds(parts!)).toEqual(['image/png'])
    expect(candidates![0].finishReason).toBe('STOP')
    const decoded = await decodeMedia(bytesOf(parts![0]))
    expect(decoded).toMatchObject({ picture: { width: 36, height: 36 } })
    // the mark that opens it, and its codes
    expect(usageMetadata!.candidatesTokensDetails).toEqual([{ modality: 'IMAGE', tokenCount: 1 + places * perPatch }])
    const streamed: Part[] = []
    for await (const chunk of await models.generateContentStream(ask(1))) {
      streamed.push(...(chunk.candidates![0].content?.parts ?? []).filter(({ inlineData }) => inlineData))
    }
    expect(streamed.map(bytesOf)).toEqual([bytesOf(parts![0])])
    const other = await models.generateContent(ask(2))
    expect(bytesOf(other.candidates![0].content!.parts![0])).not.toEqual(bytesOf(parts![0]))
  })

  it('has no room: that is the limit of tokens', async () => {
    await using server = await scriptedServer(['unused'], { model: { ...media, engine } })
    const { candidates } = await googleOf(server.url).generateContent({
      ...{ model: 'scripted', contents: 'a red circle' },
      config: { maxOutputTokens: 10, responseModalities: ['IMAGE'] },
    })
    expect(candidates![0]).toMatchObject({ finishReason: 'MAX_TOKENS' })
  })
})

describe('a picture within a text', () => {
  /** Codes that rise, as ids. */
  const ids = Array.from({ length: places * perPatch }, (_, i) => first + (i % perPatch) * values + (i % values))
  const script = [says('Here: <|image>'), ids, says(' and <|image>'), ids, says(' done<turn|>')]
  const open = () => scriptedServer(script, { model: media, engine: { script, vocabSize: tokenizer.vocabSize } })
  async function expected(): Promise<Buffer> {
    const each = Int32Array.from(ids, (id, i) => id - first - (i % perPatch) * values)
    return Buffer.from(await encodePng(unpatchify(codes.decode(each), 3, 3, 12)))
  }

  it('stands where the model put it, whole and streamed', async () => {
    await using server = await open()
    const request = {
      ...{ model: 'scripted', contents: 'draw' },
      config: { responseModalities: ['TEXT', 'IMAGE'] },
    }
    const { candidates, usageMetadata } = await googleOf(server.url).generateContent(request)
    const { parts } = candidates![0].content!
    expect(kinds(parts!)).toEqual(['Here: ', 'image/png', ' and ', 'image/png', ' done'])
    expect(bytesOf(parts![1])).toEqual(await expected())
    // each with its two marks
    expect(usageMetadata!.candidatesTokensDetails).toEqual([{ modality: 'IMAGE', tokenCount: 2 * (ids.length + 2) }])
    // what follows is written behind what was drawn
    const { prompt } = server.engine.requests.at(-1)!
    const tail = [...says('Here: <|image>'), ...ids, ...says('<image|> and <|image>'), ...ids, ...says('<image|>')]
    expect([...prompt.ids.slice(-tail.length)]).toEqual(tail)

    await using again = await open()
    const streamed: Part[] = []
    for await (const chunk of await googleOf(again.url).generateContentStream(request)) {
      streamed.push(...(chunk.candidates![0].content?.parts ?? []))
    }
    expect(kinds(streamed).join('')).toBe('Here: image/png and image/png done')
  })

  it('is none where pictures were not asked for, nor where the model cannot draw', async () => {
    await using server = await scriptedServer([says('Here: <|image>x<turn|>')], {
      ...{ model: media, engine: { vocabSize: tokenizer.vocabSize } },
    })
    const { candidates } = await googleOf(server.url).generateContent({ model: 'scripted', contents: 'draw' })
    expect(kinds(candidates![0].content!.parts!)).toEqual(['Here: x'])
    await using texts = await scriptedServer(['a<turn|>'])
    const answer = await googleOf(texts.url).generateContent({
      ...{ model: 'scripted', contents: 'draw', config: { responseModalities: ['TEXT', 'IMAGE'] } },
    })
    expect(answer.text).toBe('a')
    const picture = googleOf(texts.url).generateContent({
      ...{ model: 'scripted', contents: 'draw', config: { responseModalities: ['IMAGE'] } },
    })
    await expect(picture).rejects.toMatchObject({ status: 400, message: expect.stringContaining('does not draw') })
    const sound = googleOf(texts.url).generateContent({
      ...{ model: 'scripted', contents: 'sing', config: { responseModalities: ['AUDIO'] } },
    })
    await expect(sound).rejects.toMatchObject({ status: 400, message: expect.stringContaining('does not write sound') })
  })

  it('comes to a client of the OpenAI API beside its text', async () => {
    await using server = await open()
    const openai = new OpenAI({ apiKey: 'k', baseURL: `${server.url}/v1`, maxRetries: 0 })
    const { choices } = await openai.chat.completions.create({
      ...{ model: 'scripted', messages: [{ role: 'user', content: 'draw' }] },
      modalities: ['text', 'image'] as never,
    })
    const { content, images } = choices[0].message as { content: string; images?: { image_url: { url: string } }[] }
    expect(content).toBe('Here:  and  done')
    const url = `data:image/png;base64,${(await expected()).toString('base64')}`
    expect(images!.map(({ image_url }) => image_url.url)).toEqual([url, url])
  })
})
