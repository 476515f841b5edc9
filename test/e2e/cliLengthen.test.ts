import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Outcome, pollux, tinyText } from './pollux.ts'

let folder: string
let lengthened: Outcome
const stages = ['lengthen', '--run', 'base', '--context', '192,512', '--steps', '5,12']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText(200))
  const micro = ['--data', 'text.md', '--preset', 'micro', '--steps', '10', '--run', 'base', '--json']
  expect((await pollux(['train', ...micro], { cwd: folder })).code).toBe(0)
  lengthened = await pollux([...stages, '--json'], { cwd: folder })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function readJson(path: string, out = 'runs'): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, out, path), 'utf8')) as Record<string, unknown>
}

/** Metrics of a run without what the clock decides, as text: equal text is equal bits. */
function learnt(out: string, run: string): string[] {
  const lines = readFileSync(join(folder, out, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const { tokensPerSecond: _speed, mfu: _mfu, secondsElapsed: _time, ...rest } = JSON.parse(line)
    return JSON.stringify(rest)
  })
}

describe('pollux lengthen', () => {
  it('makes a run of each stage, the second from the first, and leaves the first run alone', () => {
    expect([lengthened.code, lengthened.stderr]).toEqual([0, ''])
    const objects = lengthened.objects()
    expect(objects.filter(({ event }) => event === 'step')).toHaveLength(17)
    const done = objects.filter(({ event }) => event === 'done')
    expect(done.map(({ run, step }) => [run, step])).toEqual([
      ['base-192', 5],
      ['base-512', 12],
    ])
    expect(readJson('base/checkpoint/config.json').max_position_embeddings).toBe(32)
    expect(readJson('base-192/checkpoint/config.json').max_position_embeddings).toBe(192)
    const config = readJson('base-512/checkpoint/config.json')
    expect(config.max_position_embeddings).toBe(512)
    expect(config.sliding_window).toBe(8)
    const { request } = readJson('base-512/run.json') as { request: Record<string, unknown> }
    expect(request).toMatchObject({ context: 512, batch: 1, lengthen: { run: 'base-192' } })
  })

  it('begins with the weights of the run before: the first loss is not that of a new model', () => {
    const losses = lengthened.objects().filter(({ event }) => event === 'step')
    const base = readJson('base/run.json') as { outcome: { lossBitsPerByte: number } }
    // texts read twice come first; a new model knows nothing, 8.3 bits of a vocabulary of 320
    expect(losses[0].lossBitsPerByte).toBeLessThan(base.outcome.lossBitsPerByte * 1.5)
  })

  it('has nothing left to do when it is run again', async () => {
    const again = await pollux([...stages, '--json'], { cwd: folder })
    expect([again.code, again.stdout, again.stderr]).toEqual([0, '', ''])
  })

  it('goes on where it was interrupted, and equals a run that was not, bit for bit', async () => {
    const command = [...stages, '--json']
    const base = join(folder, 'runs')
    const copy = join(folder, 'cut')
    cpSync(join(base, 'base'), join(copy, 'base'), { recursive: true })
    let isSent = false
    const cut = await pollux([...command, '--out', 'cut'], {
      cwd: folder,
      onOutput(stdout, child) {
        if (isSent || !stdout.includes('base-192') || !stdout.trimEnd().split('\n').at(-1)?.includes('"step":3,'))
          return
        isSent = true
        child.kill('SIGINT')
      },
    })
    expect(cut.code).toBe(130)
    const rest = await pollux([...command, '--out', 'cut'], { cwd: folder })
    expect([rest.code, rest.stderr]).toEqual([0, ''])
    expect(learnt('cut', 'base-512')).toEqual(learnt('runs', 'base-512'))
  })

  it('refuses a context that does not grow, and a run that reads media, by name', async () => {
    const shorter = await pollux(['lengthen', '--run', 'base', '--context', '16'], { cwd: folder })
    expect([shorter.code, shorter.stderr]).toEqual([
      2,
      'pollux: --context: must be above 32, the tokens that run "base" reads, got 16\n',
    ])
    const falling = await pollux(['lengthen', '--run', 'base', '--context', '1k,512'], { cwd: folder })
    expect([falling.code, falling.stderr]).toEqual([
      2,
      'pollux: --context: must grow from stage to stage, got 1024,512\n',
    ])
    const config = join(folder, 'runs/sees/checkpoint/config.json')
    cpSync(join(folder, 'runs/base'), join(folder, 'runs/sees'), { recursive: true })
    writeFileSync(
      config,
      JSON.stringify({ model_type: 'pollux', text_config: readJson('base/checkpoint/config.json') }),
    )
    const sees = await pollux(['lengthen', '--run', 'sees', '--context', '64'], { cwd: folder })
    expect([sees.code, sees.stderr]).toEqual([
      1,
      'pollux: lengthen: run must be one of text alone, got "sees", which reads pictures or sound\n' +
        'hint: npx pollux train makes one\n',
    ])
  })
})

describe('pollux needles', () => {
  it('prints a cell of each kind, length and depth, and writes a page that asks nothing of other machines', async () => {
    const asked = await pollux(
      [
        ...['needles', '--run', 'base-512', '--kinds', 'single,changed', '--lengths', '256,512', '--depths', '3'],
        ...['--book', 'text.md', '--json'],
      ],
      { cwd: folder },
    )
    expect([asked.code, asked.stderr]).toEqual([0, ''])
    const cells = asked.objects().filter(({ event }) => event === 'cell')
    const keys = cells.map(({ kind, length, depth }) => `${kind} ${length} ${depth}`)
    const expected = ['single', 'changed'].flatMap((kind) =>
      [256, 512].flatMap((length) => [0, 0.5, 1].map((depth) => `${kind} ${length} ${depth}`)),
    )
    expect(keys).toEqual(expected)
    expect(asked.objects().at(-1)).toMatchObject({ event: 'done', run: 'base-512' })
    const page = readFileSync(join(folder, 'runs/base-512/needles.html'), 'utf8')
    expect(page).not.toMatch(/https?:|@import|url\(|<script/)
    expect(page).toContain('One fact in a document')
    expect(page).toContain('The changed sentence of a book read twice')
  })

  it('draws the grid for people', async () => {
    const asked = await pollux(['needles', '--run', 'base-512', '--kinds', 'single', '--depths', '2'], { cwd: folder })
    expect([asked.code, asked.stderr]).toEqual([0, ''])
    expect(asked.stdout).toMatch(/single +depth 0 to 1\n +512 {3}(··|░░|▒▒|▓▓|██) (··|░░|▒▒|▓▓|██) +\d+%|0\.0%/)
  })

  it('says how to read longer documents', async () => {
    const asked = await pollux(['needles', '--run', 'base-512', '--lengths', '4k'], { cwd: folder })
    expect(asked.code).toBe(1)
    expect(asked.stderr).toBe(
      'pollux: needles: length must be at most 512 tokens (max_position_embeddings), got 4096\n' +
        'hint: npx pollux lengthen --context 4096 makes the model read that far\n',
    )
  })
})
