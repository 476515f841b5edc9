// Batches that are cancelled, with both SDKs: what is answered stays, what is in work ends, and nothing more is begun.
import { GoogleGenAI, JobState } from '@google/genai'
import OpenAI from 'openai'
import { expect, it } from 'vitest'
import type { EngineRequest } from '../../src/inference/index.ts'
import { says, type ScriptedServer, scriptedServer, tokenizer } from './scriptedServer.ts'

/** Answers the first request at once, and any other far too late. */
function script({ prompt }: EngineRequest): readonly number[] {
  return tokenizer.decode(prompt.ids).includes('short') ? says('done<turn|>') : says('long '.repeat(2000))
}
const serve = (): Promise<ScriptedServer> => scriptedServer(script, { engine: { delay: 2 } })

it('26: a batch of the Gemini API', async () => {
  await using running = await serve()
  const ai = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: running.url } })
  const texts = ['short', ...Array.from({ length: 9 }, (_, i) => `long ${i}`)]
  const { name } = await ai.batches.create({ model: 'scripted', src: texts.map((contents) => ({ contents })) })
  // one is answered, and its place among the four was taken by another
  await expect.poll(() => running.engine.requests.length).toBe(5)
  await ai.batches.cancel({ name: name! })
  await expect.poll(async () => (await ai.batches.get({ name: name! })).endTime).toBeDefined()
  const job = await ai.batches.get({ name: name! })
  expect(job.state).toBe(JobState.JOB_STATE_CANCELLED)
  const { inlinedResponses } = job.dest!
  expect(
    inlinedResponses!.map(({ response, error }) => response?.candidates![0].content!.parts![0].text ?? error?.message),
  ).toEqual(['done', ...Array.from({ length: 9 }, () => expect.stringMatching(/cancelled/))])
  expect(running.engine.cancelled).toBe(4)
  expect(running.engine.requests).toHaveLength(5)
  expect((await running.engine.stats()).running).toBe(0)
  // again it does nothing, and another's batch is none
  await ai.batches.cancel({ name: name! })
  expect((await ai.batches.get({ name: name! })).state).toBe(JobState.JOB_STATE_CANCELLED)
  await expect(ai.batches.cancel({ name: 'batches/nothing' })).rejects.toMatchObject({ status: 404 })
  await ai.batches.delete({ name: name! })
  await expect(ai.batches.get({ name: name! })).rejects.toMatchObject({ status: 404 })
})

it('a batch of the OpenAI API, whose answers so far are in its files', async () => {
  await using running = await serve()
  const openai = new OpenAI({ apiKey: 'k', baseURL: `${running.url}/v1`, maxRetries: 0 })
  const lines = ['short', 'long 1', 'long 2', 'long 3', 'long 4', 'long 5'].map((content, i) => ({
    ...{ custom_id: `line-${i}`, method: 'POST', url: '/v1/chat/completions' },
    body: { model: 'scripted', messages: [{ role: 'user', content }] },
  }))
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  const file = await openai.files.create({ file: new File([text], 'in.jsonl'), purpose: 'batch' })
  const { id } = await openai.batches.create({
    ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
  })
  await expect.poll(() => running.engine.requests.length).toBe(5)
  expect(['cancelling', 'cancelled']).toContain((await openai.batches.cancel(id)).status)
  await expect.poll(async () => (await openai.batches.retrieve(id)).status).toBe('cancelled')
  const batch = await openai.batches.retrieve(id)
  expect(batch.request_counts).toMatchObject({ total: 6, completed: 1 })
  const answers = (await (await openai.files.content(batch.output_file_id!)).text()).trim().split('\n')
  expect(answers.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id)).toEqual(['line-0'])
  const failures = (await (await openai.files.content(batch.error_file_id!)).text()).trim().split('\n')
  expect(failures).toHaveLength(5)
  expect(running.engine.cancelled).toBe(4)
  expect(running.engine.requests).toHaveLength(5)
})
