import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { tempFolder } from '../../testing/index.ts'
import { createChatService } from '../chat/service.ts'
import { openServer } from '../open.ts'
import { studioRoutes } from './routes.ts'
import { readLoadHistory, readMetricsPage, readRuns } from './runFiles.ts'

const line = (step: number) =>
  `${JSON.stringify({ step, tokens: 10 * step, lossBitsPerByte: 1 / step, mfu: null, expertTokens: [[step, 0]] })}\n`
const record = (createdAt: string, outcome?: object) =>
  JSON.stringify({ createdAt, request: { preset: 'nano' }, outcome })
const lines = (count: number) => Array.from({ length: count }, (_, i) => line(i + 1)).join('')

it('lists runs, newest first, and passes over what is none', async () => {
  using folder = tempFolder({
    'a/run.json': record('2026-01-01', { step: 3, tokens: 9 }),
    'b/run.json': record('2026-01-02'),
    'b/metrics.jsonl': line(1),
    'c/run.json': '{ broken',
    'd/other.txt': '',
    'e.json': '{}',
  })
  const runs = await readRuns(folder.path)
  expect(runs.map(({ name, live }) => [name, live])).toEqual([
    ['b', true],
    ['a', false],
  ])
  expect(runs[1].outcome?.step).toBe(3)
  expect(await readRuns(folder.file('nowhere'))).toEqual([])
})

it('gives only what was appended, whole lines only, and begins anew in another file', async () => {
  using folder = tempFolder({ 'a/run.json': record('2026-01-01'), 'a/metrics.jsonl': lines(3) })
  const path = folder.file('a/metrics.jsonl')
  const first = await readMetricsPage(folder.path, 'a', '')
  expect(first.rows.map(({ step }) => step)).toEqual([1, 2, 3])
  appendFileSync(path, line(4) + line(5).slice(0, 9))
  const second = await readMetricsPage(folder.path, 'a', first.next)
  expect([second.reset, second.rows.map(({ step }) => step)]).toEqual([false, [4]])
  expect(second.rows[0]).toMatchObject({ loss: 0.25, mfu: null, validation: null })
  appendFileSync(path, line(5).slice(9))
  const third = await readMetricsPage(folder.path, 'a', second.next)
  expect(third.rows.map(({ step }) => step)).toEqual([5])
  writeFileSync(`${path}.tmp`, lines(2))
  renameSync(`${path}.tmp`, path)
  const fourth = await readMetricsPage(folder.path, 'a', third.next)
  expect([fourth.reset, fourth.rows.length]).toEqual([true, 2])
})

it('thins loads over a run, the first and the last step among them', async () => {
  using folder = tempFolder({ 'a/run.json': record('2026-01-01'), 'a/metrics.jsonl': lines(1000) })
  const { steps, load } = await readLoadHistory(folder.path, 'a', 20)
  expect(steps.length).toBeLessThanOrEqual(41)
  expect([steps[0], steps.at(-1)]).toEqual([1, 1000])
  expect(load.map(([[first]]) => first)).toEqual(steps)
})

it('answers 404 for what is no run and for paths that climb out of the folder', async () => {
  using folder = tempFolder({ 'runs/a/run.json': record('2026-01-01'), 'secret/run.json': record('2026-01-01') })
  mkdirSync(folder.file('runs/empty'))
  writeFileSync(folder.file('runs/a/report.html'), '<p>report</p>')
  const server = await openServer({
    ...{ chat: createChatService([]), folder: folder.path },
    studio: { api: (app, deps) => studioRoutes(app, deps, { version: '0', runsFolder: folder.file('runs') }) },
  })
  onTestFinished(() => server.close(0))
  const get = (path: string) => fetch(`${server.url}/studio-api${path}`)
  const status = async (path: string) => (await get(path)).status
  expect(await status('/runs/a')).toBe(200)
  expect(await status('/runs/a/pages/report.html')).toBe(200)
  for (const path of ['/runs/b', '/runs/..%2Fsecret', '/runs/..', '/runs/empty/metrics', '/runs/a/pages/run.json']) {
    expect({ path, status: await status(path) }).toEqual({ path, status: 404 })
  }
  expect(await status('/runs/a/pages/..%2F..%2F..%2Fsecret%2Frun.json')).toBe(404)
  expect(await status('/engine')).toBe(501)
  const report = await get('/runs/a/pages/report.html')
  expect(report.headers.get('content-security-policy')).toContain("default-src 'none'")
})
