import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { encodePng, encodeWav } from '../../src/media/index.ts'
import { pollux } from './pollux.ts'

let folder: string
const train = ['train', '--world', 'scene=1,tones=1', '--preset', 'micro', '--context', '192', '--batch', '2', '--json']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-world-'))
  const { code, stderr } = await pollux([...train, '--steps', '4', '--run', 'world'], { cwd: folder })
  expect([code, stderr]).toEqual([0, ''])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('goes on with a run of the world as if it had not stopped', async () => {
  const straight = await pollux([...train, '--steps', '6', '--run', 'straight'], { cwd: folder })
  const state = join(folder, 'runs/world/checkpoint/training_state.json')
  const saved = JSON.parse(readFileSync(state, 'utf8')) as { loader: { next: number } }
  expect(saved.loader.next).toBeGreaterThan(0)
  const rest = await pollux(['train', '--resume', '--run', 'world', '--steps', '6', '--json'], { cwd: folder })
  expect([rest.code, rest.stderr]).toEqual([0, ''])
  expect(rest.objects()).toHaveLength(3)
  expect(straight.objects().at(-1)).toMatchObject({ event: 'done', step: 6 })
})

it('asks about held-out items of the tasks named and writes a page', async () => {
  const { code, stderr, objects } = await pollux(
    ['eval', '--world', 'scene,tones', '--items', '2', '--run', 'world', '--json'],
    {
      cwd: folder,
    },
  )
  expect([code, stderr]).toEqual([0, ''])
  const kinds = objects().filter(({ event }) => event === 'kind')
  expect(new Set(kinds.map(({ task }) => task))).toEqual(new Set(['scene', 'tones']))
  expect(existsSync(join(folder, 'runs/world/eval.html'))).toBe(true)
})

it('counts the tokens of files and answers', async () => {
  const data = new Uint8Array(36 * 36 * 3).fill(90)
  writeFileSync(join(folder, 'a.png'), await encodePng({ width: 36, height: 36, data }))
  writeFileSync(join(folder, 'b.wav'), encodeWav({ rate: 16_000, samples: new Float32Array(16_000) }))
  const asked = await pollux(['ask', 'a.png', 'b.wav', '--run', 'world', '--json'], { cwd: folder })
  expect([asked.code, asked.stderr]).toEqual([0, ''])
  expect(asked.objects()[0]).toMatchObject({
    media: [
      { kind: 'picture', imageTokens: 9, audioTokens: 0 },
      { kind: 'sound', imageTokens: 0, audioTokens: 25, seconds: 1 },
    ],
  })
})

it('names a file that is no media, a task that is none, and a run that reads text alone', async () => {
  writeFileSync(join(folder, 'c.png'), 'not a picture')
  const bad = await pollux(['ask', 'c.png', '--run', 'world'], { cwd: folder })
  expect(bad.code).not.toBe(0)
  expect(bad.stderr).toContain('ask: c.png must be a picture, sound or video')
  const task = await pollux(['train', '--world', 'cooking'], { cwd: folder })
  expect(task.stderr).toContain('--world: must be tasks with shares')
})

it('trains on rows of parts, and says which file of them is broken', async () => {
  const row = (fileUri: string, label: string) =>
    `${JSON.stringify({ parts: [{ fileData: { fileUri } }, { text: 'what?\n', target: false }, { text: `${label}\n` }] })}\n`
  writeFileSync(join(folder, 'rows.jsonl'), row('a.png', 'grey') + row('c.png', 'broken') + row('b.wav', 'silence'))
  const args = [
    'train',
    '--data',
    'rows.jsonl',
    '--preset',
    'micro',
    '--context',
    '64',
    '--steps',
    '3',
    '--run',
    'rows',
  ]
  const { code, stderr, stdout } = await pollux(args, { cwd: folder })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('c.png')
  const scored = await pollux(['eval', '--data', 'rows.jsonl', '--run', 'rows'], { cwd: folder })
  expect(scored.stderr).toContain('rows must be readable, got c.png')
})
