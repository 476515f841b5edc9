import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Outcome, pollux, tinyText } from './pollux.ts'

let folder: string
let trained: Outcome
const micro = ['--data', 'text.md', '--preset', 'micro']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText())
  trained = await pollux(['train', ...micro, '--steps', '30', '--run', 'first', '--json'], { cwd: folder })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('pollux train --json', () => {
  it('prints one object a step, then one when done, and nothing else', () => {
    expect([trained.code, trained.stderr]).toEqual([0, ''])
    const objects = trained.objects()
    expect(objects).toHaveLength(31)
    for (const [i, object] of objects.slice(0, -1).entries()) {
      expect(object).toMatchObject({ event: 'step', step: i + 1, tokens: (i + 1) * 4 * 32 })
      for (const field of ['lossBitsPerByte', 'tokensPerSecond', 'mfu']) expect(object[field]).toBeGreaterThan(0)
      expect(object).toHaveProperty('valBitsPerByte')
    }
    const done = objects.at(-1)!
    expect(done).toMatchObject({ event: 'done', run: 'first', step: 30, tokens: 3840, stopped: false })
    expect(done.valBitsPerByte).toBeGreaterThan(0)
  })

  it('learns', () => {
    const losses = trained.objects().map((object) => object.lossBitsPerByte as number)
    expect(losses[29]).toBeLessThan(losses[0] * 0.8)
  })

  it('leaves run.json, a line of metrics and of routing a step, provenance, a checkpoint and a report', () => {
    const run = join(folder, 'runs/first')
    expect(readdirSync(run).sort()).toEqual([
      'checkpoint',
      'metrics.jsonl',
      'provenance.jsonl',
      'report.html',
      'routing.jsonl',
      'run.json',
    ])
    for (const name of ['metrics.jsonl', 'routing.jsonl']) {
      expect(readFileSync(join(run, name), 'utf8').trim().split('\n')).toHaveLength(30)
    }
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) {
      expect(existsSync(join(run, 'checkpoint', name))).toBe(true)
    }
  })

  it('writes a report that asks nothing of any other machine', () => {
    const page = readFileSync(join(folder, 'runs/first/report.html'), 'utf8')
    const markup = page.replace(/<script>[^]*?<\/script>|<style>[^]*?<\/style>/g, '')
    expect(markup).not.toMatch(/https?:|\/\/\w+\.\w+/)
    expect(page).not.toMatch(/@import|url\(|fetch\(|XMLHttpRequest/)
    for (const title of ['Bits per byte', 'What it writes', 'Expert load', 'Corpus', 'measured GEMM peak']) {
      expect(page).toContain(title)
    }
  })

  it('refuses a name that is taken and says how to go on', async () => {
    const again = await pollux(['train', ...micro, '--steps', '1', '--run', 'first'], { cwd: folder })
    expect(again.code).toBe(1)
    expect(again.stderr).toBe(
      'pollux: train: --run must be a new name, got "first", and runs/first exists\n' +
        'hint: npx pollux train --resume --run first goes on with it; or take another name\n',
    )
  })

  it('says that a complete run has nothing left to do', async () => {
    const again = await pollux(['train', '--resume', '--run', 'first'], { cwd: folder })
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('hint: --steps 60 goes on to 60 steps in all')
  })
})

describe('pollux train for people', () => {
  it('prints plain lines where there is no terminal: stages, steps, a sample, a summary', async () => {
    const flags = ['--steps', '6', '--out', 'elsewhere', '--dtype', 'f32', '--optimizer', 'adamw', '--lr', '0.01']
    const { code, stdout, stderr } = await pollux(['train', ...micro, ...flags], { cwd: folder })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).not.toMatch(/[\x1b\r]/)
    for (const part of [
      /^reading corpus +1 documents?, /m,
      /^training tokenizer /m,
      /^tokenising /m,
      /^preparing model /m,
    ]) {
      expect(stdout).toMatch(part)
    }
    expect(stdout).toMatch(/^step 1 {2}\d\.\d{3} bits\/byte/m)
    expect(stdout).toMatch(/^step 6 .* val \d\.\d{3} .* 0:00 left$/m)
    expect(stdout).toMatch(/^ {2}report +elsewhere\/\d{4}-\d\d-\d\d-[a-z]+\/report\.html$/m)
    expect(stdout).toMatch(/^ {2}next +npx pollux sample --run \S+ --out elsewhere --prompt /m)
  })

  it('prints nothing with --quiet', async () => {
    const run = await pollux(['train', ...micro, '--steps', '2', '--run', 'quiet', '--quiet'], { cwd: folder })
    expect([run.code, run.stdout, run.stderr]).toEqual([0, '', ''])
  })

  it('knows as many positions as it was trained on', async () => {
    const flags = ['--steps', '1', '--context', '16', '--run', 'narrow', '--out', 'narrow', '--quiet']
    const run = await pollux(['train', ...micro, ...flags], { cwd: folder })
    expect([run.code, run.stderr]).toEqual([0, ''])
    const config = JSON.parse(readFileSync(join(folder, 'narrow/narrow/checkpoint/config.json'), 'utf8'))
    expect(config.max_position_embeddings).toBe(16)
  })

  it('trains for a time', async () => {
    const run = await pollux(['train', ...micro, '--minutes', '0.03', '--run', 'timed', '--json'], { cwd: folder })
    expect(run.code).toBe(0)
    const done = run.objects().at(-1)!
    expect(done.event).toBe('done')
    expect(done.seconds).toBeGreaterThanOrEqual(1.8)
  })
})

describe('pollux sample', () => {
  const sample = (...args: string[]) => pollux(['sample', '--run', 'first', ...args], { cwd: folder })

  it('continues a text, the same for the same seed', async () => {
    const [a, b, other] = await Promise.all([
      sample('--prompt', 'the fox', '--tokens', '20'),
      sample('--prompt', 'the fox', '--tokens', '20'),
      sample('--prompt', 'the fox', '--tokens', '20', '--seed', '1'),
    ])
    expect([a.code, a.stderr]).toEqual([0, ''])
    expect(a.stdout).toMatch(/^the fox/)
    expect(a.stdout.length).toBeGreaterThan('the fox\n'.length)
    expect(b.stdout).toBe(a.stdout)
    expect(other.stdout).not.toBe(a.stdout)
  })

  it('prints pieces and a last object with --json', async () => {
    const { code, objects } = await sample(
      '--tokens',
      '12',
      '--temperature',
      '0',
      '--top-k',
      '5',
      '--top-p',
      '0.9',
      '--json',
    )
    expect(code).toBe(0)
    const done = objects().at(-1)!
    const pieces = objects().slice(0, -1)
    expect(done).toMatchObject({ event: 'done', run: 'first', prompt: '' })
    expect(pieces.map((piece) => piece.text).join('')).toBe(done.text)
    expect(done.tokens).toBeLessThanOrEqual(12)
  })

  it('takes the newest run when none is named', async () => {
    const { objects } = await pollux(['sample', '--tokens', '1', '--json'], { cwd: folder })
    expect(objects().at(-1)).toMatchObject({ run: 'timed' })
  })

  it('lists the runs when there is none of that name', async () => {
    const { code, stderr } = await pollux(['sample', '--run', 'frist'], { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toBe(
      'pollux: run: must be one of those under runs (timed, quiet, first), got "frist"\nhint: did you mean --run first?\n',
    )
  })
})

describe('pollux runs', () => {
  it('lists them, newest first', async () => {
    const { stdout } = await pollux(['runs'], { cwd: folder })
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['run', 'timed', 'quiet', 'first', ''])
    const json = await pollux(['runs', '--json'], { cwd: folder })
    expect(json.objects().at(-1)).toMatchObject({ run: 'first', preset: 'micro', step: 30, stopped: false })
  })
})
