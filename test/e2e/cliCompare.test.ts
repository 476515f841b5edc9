// `pollux compare` from end to end on micro: two seeds, few steps, an interruption in between, a report.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Outcome, pollux, tinyText } from './pollux.ts'

let folder: string
let compared: Outcome
const small = ['--preset', 'micro', '--steps', '24', '--seeds', '2', '--tune', '4,12', '--tune-steps', '4']
const flags = [...small, '--horizons', '0.5', '--evals', '4', '--eval-batches', '2', '--data', 'text.md']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText(200))
  compared = await pollux(['compare', ...flags, '--run', 'first', '--json'], { cwd: folder })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** trial.json of every training: its folder's name without the hash, and its losses. */
function trialsOf(run: string): Record<string, { finalBitsPerByte: number; curve: object[]; tokens: number }> {
  const trials = join(folder, 'runs', run, 'trials')
  const read = (name: string) => JSON.parse(readFileSync(join(trials, name, 'trial.json'), 'utf8'))
  return Object.fromEntries(readdirSync(trials).map((name) => [name.replace(/-\w{12}$/, ''), read(name)]))
}

describe('pollux compare', () => {
  it('trains three models for two seeds and says what came of it', () => {
    expect([compared.code, compared.stderr]).toEqual([0, ''])
    const objects = compared.objects()
    const done = objects.at(-1)!
    expect(done).toMatchObject({ event: 'done', run: 'first' })
    const contestants = done.contestants as {
      name: string
      perSeed: number[]
      flopsPerToken: number
      parameters: number
    }[]
    expect(contestants.map(({ name }) => name)).toEqual(['moe', 'dense', 'total'])
    for (const { perSeed } of contestants) expect(perSeed).toHaveLength(2)
    const [moe, dense, total] = contestants
    expect(dense.flopsPerToken / moe.flopsPerToken).toBeGreaterThanOrEqual(1)
    expect(dense.flopsPerToken / moe.flopsPerToken).toBeLessThan(1.01)
    expect(total.parameters / moe.parameters).toBeLessThan(1.01)
    const verdicts = done.verdicts as { against: string; method: string; tokens: { mean: number; count: number } }[]
    expect(verdicts.map(({ against, method }) => [against, method])).toEqual([
      ['dense', 'shorter schedules'],
      ['total', 'shorter schedules'],
    ])
    for (const { tokens } of verdicts) {
      expect(tokens.count).toBe(2)
      expect(tokens.mean).toBeGreaterThan(0)
    }
  })

  it('keeps every training, and no checkpoint of one that is done', () => {
    const trials = trialsOf('first')
    const names = Object.keys(trials)
    expect(names).toEqual(expect.arrayContaining(['moe-4-s1000-x4', 'moe-4-s1000-x12', 'dense-4-s1000-x4']))
    const full = names.filter((name) => /-24-s[01]-/.test(name))
    expect(full).toHaveLength(6)
    for (const name of full) expect(trials[name]).toMatchObject({ tokens: 24 * 4 * 32, curve: { length: 4 } })
    expect(names.filter((name) => /^moe-12-s[01]-/.test(name))).toHaveLength(2)
    for (const name of readdirSync(join(folder, 'runs/first/trials'))) {
      for (const gone of ['checkpoint', 'states']) {
        expect(existsSync(join(folder, 'runs/first/trials', name, gone))).toBe(false)
      }
    }
  })

  it('writes a page with curves and tables that asks nothing of any other machine', () => {
    const page = readFileSync(join(folder, 'runs/first/compare.html'), 'utf8')
    for (const title of [
      'What the experts buy',
      'The models',
      'Held-out loss',
      'Learning rates',
      'How it was measured',
    ]) {
      expect(page).toContain(`<h2>${title}</h2>`)
    }
    expect(page.match(/<svg class="curves"/g)).toHaveLength(4)
    expect(page).not.toMatch(/NaN|undefined|Infinity|<script/)
    const markup = page.replace(/<style>[^]*?<\/style>/g, '')
    expect(markup).not.toMatch(/https?:|\/\/\w+\.\w+|src=/)
    expect(page).not.toMatch(/@import|url\((?!#)/)
  })

  it('goes on after an interruption, training by training, to the same losses', async () => {
    let seen = 0
    const stopped = await pollux(['compare', ...flags, '--run', 'again', '--json'], {
      cwd: folder,
      onOutput(stdout, child) {
        const trainings = stdout.split('"event":"training"').length - 1
        if (trainings >= 7 && seen === 0) {
          seen = trainings
          child.kill('SIGINT')
        }
      },
    })
    expect(stopped.code).toBe(130)
    const before = readdirSync(join(folder, 'runs/again/trials'))
    const done = before.filter((name) => existsSync(join(folder, 'runs/again/trials', name, 'trial.json')))
    expect(done.length).toBeGreaterThanOrEqual(7)
    const kept = new Map(
      done.map((name) => [name, statSync(join(folder, 'runs/again/trials', name, 'trial.json')).mtimeMs]),
    )

    const resumed = await pollux(['compare', '--resume', '--run', 'again', '--json'], { cwd: folder })
    expect([resumed.code, resumed.stderr]).toEqual([0, ''])
    for (const [name, time] of kept) {
      expect(statSync(join(folder, 'runs/again/trials', name, 'trial.json')).mtimeMs).toBe(time)
    }
    const losses = (run: string) =>
      Object.entries(trialsOf(run)).map(([name, { finalBitsPerByte }]) => [name, finalBitsPerByte])
    expect(losses('again')).toEqual(losses('first'))
  })

  it('trains a shorter schedule from the trunk of the longest to the loss that it has from its own start', async () => {
    const trials = join(folder, 'runs/first/trials')
    const name = readdirSync(trials).find((each) => each.startsWith('moe-12-s0-'))!
    const steps = () =>
      readFileSync(join(trials, name, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).step as number)
    const branched = trialsOf('first')['moe-12-s0-x4'] ?? trialsOf('first')['moe-12-s0-x12']
    // decays over 40% of 12 steps
    expect(steps()).toEqual([8, 9, 10, 11, 12])
    rmSync(join(trials, name), { recursive: true })
    const again = await pollux(['compare', '--resume', '--run', 'first', '--json'], { cwd: folder })
    expect([again.code, again.stderr]).toEqual([0, ''])
    expect(steps()).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    const alone = trialsOf('first')['moe-12-s0-x4'] ?? trialsOf('first')['moe-12-s0-x12']
    expect(alone.finalBitsPerByte).toBe(branched.finalBitsPerByte)
  })

  it('adds ablations to what is there', async () => {
    const more = [
      '--ablate',
      'balance,top-k,upcycle',
      '--ablate-seeds',
      '1',
      '--ablate-steps',
      '6',
      '--no-total',
      '--json',
    ]
    const { code, stderr, objects } = await pollux(['compare', '--resume', '--run', 'first', ...more], { cwd: folder })
    expect([code, stderr]).toEqual([0, ''])
    const { ablations } = objects().at(-1) as unknown as { ablations: { name: string; flopsRatio: number }[] }
    expect(ablations.map(({ name }) => name)).toEqual([
      ...['no balance', 'auxiliary loss', 'bias', 'bias, sigmoid'],
      ...['top 1 of 2', 'top 2 of 4', 'top 4 of 8', 'top 8 of 16', 'upcycled'],
    ])
    // a router of more experts costs more, and no more than that
    for (const { flopsRatio } of ablations) expect(Math.abs(flopsRatio - 1)).toBeLessThan(0.06)
    expect(readFileSync(join(folder, 'runs/first/compare.html'), 'utf8')).toContain('<h2>Ablations</h2>')
    // the first part of an upcycled model is kept until the second has begun with it, and no longer
    const parts = readdirSync(join(folder, 'runs/first/trials')).filter((name) => name.startsWith('upcycled'))
    expect(parts).toHaveLength(2)
    for (const name of parts) expect(existsSync(join(folder, 'runs/first/trials', name, 'checkpoint'))).toBe(false)
  })
})

describe('pollux compare --dry-run', () => {
  it('prints the plan with times and writes nothing', async () => {
    const { code, stdout } = await pollux(['compare', '--dry-run', '--run', 'unborn', '--ablate', 'all'], {
      cwd: folder,
    })
    expect(code).toBe(0)
    for (const part of [
      /600 steps of 4,096 tokens/,
      /dense, equal FLOPs +\d\d\.\dM weights/,
      /tune +sparse +3/,
      /train +dense/,
    ]) {
      expect(stdout).toMatch(part)
    }
    expect(stdout).toMatch(/about .* in all, at 50% of this machine's peak/)
    expect(existsSync(join(folder, 'runs/unborn'))).toBe(false)
  })

  it('refuses what cannot be compared', async () => {
    const run = async (...args: string[]) => (await pollux(['compare', '--dry-run', ...args], { cwd: folder })).stderr
    expect(await run('--routing', 'experts=0')).toContain('compare: the model must have experts, got a dense one')
    expect(await run('--horizons', '0.5,1')).toContain('--horizons: must be below 1')
    expect(await run('--resume', '--run', 'never')).toContain('--resume must find a comparison')
    expect(await run('--resume', '--run', 'first', '--steps', '9')).toContain(
      '--steps: must stay as the comparison began',
    )
    expect(await run('--ablate', 'balanse')).toContain('did you mean --ablate balance?')
  })
})
