import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pollux, tinyText } from './pollux.ts'

const steps = 300
let folder: string
const micro = ['--data', 'text.md', '--preset', 'micro', '--steps', String(steps), '--json']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText(200))
  const whole = await pollux(['train', ...micro, '--run', 'whole'], { cwd: folder })
  expect([whole.code, whole.stderr]).toEqual([0, ''])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Metrics of a run without what the clock decides, as text: equal text is equal bits. */
function learnt(run: string): string[] {
  const lines = readFileSync(join(folder, 'runs', run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const { tokensPerSecond: _speed, mfu: _mfu, secondsElapsed: _time, ...rest } = JSON.parse(line)
    return JSON.stringify(rest)
  })
}

type Name = 'SIGINT' | 'SIGTERM'

/** Trains until a step is printed, then sends a signal, and again after some milliseconds for each echo. */
function interrupted(run: string, signal: Name, atStep: number, { echoes = [] as number[], env = {} } = {}) {
  let isSent = false
  return pollux(['train', ...micro, '--run', run], {
    cwd: folder,
    env,
    onOutput(stdout, child) {
      if (isSent || !stdout.includes(`"step":${atStep},`)) return
      isSent = true
      child.kill(signal)
      for (const wait of echoes) setTimeout(() => child.kill(signal), wait)
    },
  })
}

/** Makes bin/pollux.js believe that it runs under an older Node. */
const oldNode = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.1.0' } })`

describe('a run that is interrupted', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('saves at %s, and when resumed equals one that was not, bit for bit', async (signal, exitCode) => {
    const run = `cut-${signal}`
    const stopped = await interrupted(run, signal, 20)
    expect([stopped.code, stopped.stderr]).toEqual([exitCode, ''])
    const last = stopped.objects().at(-1)!
    expect(last).toMatchObject({ event: 'done', stopped: true })
    expect(last.step).toBeGreaterThanOrEqual(20)
    expect(last.step).toBeLessThan(steps)
    expect(learnt(run)).toHaveLength(last.step as number)

    const resumed = await pollux(['train', '--resume', '--run', run, '--json'], { cwd: folder })
    expect([resumed.code, resumed.stderr]).toEqual([0, ''])
    expect(resumed.objects()[0].step).toBe((last.step as number) + 1)
    expect(learnt(run)).toEqual(learnt('whole'))
  })

  it('saves when one Ctrl-C comes twice, as it does under npx', async () => {
    const stopped = await interrupted('echo', 'SIGINT', 20, { echoes: [0, 5, 20] })
    expect(stopped.stderr).toBe('')
    expect(stopped.objects().at(-1)).toMatchObject({ event: 'done', stopped: true })
    // an echo that finds the process leaving, with all saved, ends it as the signal does: to a shell 130 as well
    expect([130, null]).toContain(stopped.code)
  })

  it('saves at SIGTERM where an older Node starts the one of npm ci', async () => {
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(oldNode)}` }
    const stopped = await interrupted('old-node', 'SIGTERM', 20, { env })
    expect([stopped.code, stopped.stderr]).toEqual([143, ''])
    expect(stopped.objects().at(-1)).toMatchObject({ event: 'done', stopped: true })
  })

  it('goes on after it was killed, from its last save, and cuts its metrics back to there', async () => {
    let isSent = false
    await pollux(['train', ...micro, '--run', 'killed', '--checkpoint-every', '25'], {
      cwd: folder,
      onOutput(stdout, child) {
        if (isSent || !stdout.includes('"step":60,')) return
        isSent = true
        child.kill('SIGKILL')
      },
    })
    const resumed = await pollux(['train', '--resume', '--run', 'killed', '--json'], { cwd: folder })
    expect([resumed.code, resumed.stderr]).toEqual([0, ''])
    expect((resumed.objects()[0].step as number) % 25).toBe(1)
    expect(learnt('killed')).toEqual(learnt('whole'))
  })

  it('goes on longer when it is told to', async () => {
    const longer = await pollux(['train', '--resume', '--run', 'whole', '--steps', String(steps + 5), '--json'], {
      cwd: folder,
    })
    expect(longer.code).toBe(0)
    expect(longer.objects().map((object) => object.step)).toEqual([301, 302, 303, 304, 305, 305])
  })

  it('keeps what it began with', async () => {
    const refused = await pollux(['train', '--resume', '--run', 'whole', '--batch', '8'], { cwd: folder })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toBe(
      'pollux: --batch: must stay as the run began, got --batch 8 with --resume\n' +
        'hint: leave --batch out, or start a new run without --resume\n',
    )
  })

  it('finds its default corpus again from another folder, and after the whole folder was moved', async () => {
    const home = join(folder, 'home')
    const alpha = join(home, 'node_modules/alpha')
    mkdirSync(alpha, { recursive: true })
    writeFileSync(join(alpha, 'package.json'), '{"name":"alpha","version":"1.0.0","license":"MIT"}')
    writeFileSync(join(alpha, 'README.md'), tinyText())
    const begun = await pollux(['train', '--preset', 'micro', '--steps', '2', '--quiet'], { cwd: home })
    expect([begun.code, begun.stderr]).toEqual([0, ''])
    const resume = ['train', '--resume', '--steps', '4', '--json', '--out', 'home/runs']
    const resumed = await pollux(resume, { cwd: folder })
    expect([resumed.code, resumed.stderr]).toEqual([0, ''])
    expect(resumed.objects().map((object) => object.step)).toEqual([3, 4, 4])
    const moved = join(folder, 'moved')
    renameSync(home, moved)
    const again = await pollux(['train', '--resume', '--steps', '5', '--json'], { cwd: moved })
    expect([again.code, again.stderr]).toEqual([0, ''])
    expect(again.objects()[0].step).toBe(5)
  })

  it('refuses a corpus that is another one', async () => {
    writeFileSync(join(folder, 'other.md'), tinyText(40))
    const refused = await pollux(['train', '--resume', '--run', 'whole', '--data', 'other.md', '--steps', '400'], {
      cwd: folder,
    })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('resume must find the corpus it left')
    expect(refused.stderr).toContain('hint: the same files must be there as when the run began')
  })
})
