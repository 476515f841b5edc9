import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pollux, tinyText } from './pollux.ts'

let folder: string
const micro = ['--preset', 'micro', '--json']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-routing-'))
  mkdirSync(join(folder, 'texts/maths'), { recursive: true })
  writeFileSync(join(folder, 'texts/a.md'), tinyText())
  writeFileSync(join(folder, 'texts/b.js'), 'export const x = (y) => y * 2\n'.repeat(99))
  writeFileSync(
    join(folder, 'texts/maths/c.txt'),
    Array.from({ length: 300 }, (_, i) => `${i} + 1 = ${i + 1}`).join('\n'),
  )
  const args = ['--data', 'texts', '--steps', '9', '--checkpoint-every', '4', '--keep-checkpoints', '--run', 'kept']
  const { code, stderr } = await pollux(['train', ...micro, ...args], { cwd: folder })
  expect([code, stderr]).toEqual([0, ''])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const routing = (...args: string[]) => pollux(['routing', ...args], { cwd: folder })

describe('pollux routing', () => {
  it('tells domains apart by kinds and folders, compares kept checkpoints, and writes a page', async () => {
    expect(readdirSync(join(folder, 'runs/kept/checkpoints')).sort()).toEqual(['step-4', 'step-8', 'step-9'])
    expect(existsSync(join(folder, 'runs/kept/checkpoints/step-4/training_state.json'))).toBe(false)
    const { code, stderr, objects } = await routing('--data', 'texts', '--tokens', '900', '--json')
    expect([code, stderr]).toEqual([0, ''])
    const [first, second, done] = objects()
    expect([first.layer, second.layer]).toEqual([0, 1])
    expect(done).toMatchObject({
      event: 'done',
      run: 'kept',
      earlier: ['step 4', 'step 8'],
      experts: 4,
      topK: 2,
      alerts: [],
    })
    const domains = done.domains as { name: string; tokens: number }[]
    expect(domains.map(({ name }) => name)).toEqual(['code', 'mathematics', 'prose'])
    const load = first.load as number[]
    expect(load.reduce((sum, x) => sum + x)).toBe(2 * (done.tokens as number))
    expect(done.tokens).toBeGreaterThanOrEqual(900)
    const [four, eight] = first.saturation as { overlap: number }[]
    expect(eight.overlap).toBeGreaterThan(four.overlap)
    expect(first.training).toMatchObject({ step: 9, dead: 0, dropped: 0 })
    const page = readFileSync(join(folder, 'runs/kept/routing.html'), 'utf8')
    expect(page).toContain('as at step 4')
  })

  it('prints tables of what is named, on what training held out unless told', async () => {
    const { code, stderr, stdout } = await routing('--data', 'sums=texts/maths', '--data', 'texts/b.js', '--layer', '1')
    expect([code, stderr]).toEqual([0, ''])
    for (const part of [
      'kept: 2 layers of 4 experts, 2 a token',
      'domains in layer 1',
      'sums',
      'code',
      'routing.html',
    ]) {
      expect(stdout).toContain(part)
    }
    const held = await routing()
    expect(held.stdout).toContain('what was held out of the data of training')
  })

  it('compares with another run, and refuses one of another shape', async () => {
    const args = ['--data', 'texts', '--steps', '2', '--run']
    // a shorter context bounds what both read
    const other = [...args, 'other', '--seed', '1', '--context', '16', '--no-routing-record']
    const same = await pollux(['train', ...micro, ...other], { cwd: folder })
    expect(same.code).toBe(0)
    expect(existsSync(join(folder, 'runs/other/routing.jsonl'))).toBe(false)
    const { objects } = await routing('--run', 'kept', '--against', 'other', '--tokens', '300', '--json')
    expect(objects().at(-1)).toMatchObject({ earlier: ['step 4', 'step 8', 'other'] })
    const without = await routing('--run', 'other', '--tokens', '300')
    expect(without.stdout).not.toContain('training, means')
    await pollux(['train', ...micro, ...args, 'wide', '--routing', 'experts=8'], { cwd: folder })
    const wide = await routing('--run', 'kept', '--against', 'wide')
    expect(wide.stderr).toContain('wide must have the num_experts of the run, 4, got 8')
  })

  it('says what is wrong with a model without experts, a layer, data and a name that are not there', async () => {
    await pollux(['train', ...micro, '--data', 'texts', '--steps', '1', '--run', 'dense', '--routing', 'experts=0'], {
      cwd: folder,
    })
    expect((await routing('--run', 'dense')).stderr).toContain('run "dense" must have experts, got a dense model')
    const from = ['--run', 'kept']
    expect((await routing(...from, '--layer', '2')).stderr).toContain('--layer must be from 0 to 1, got 2')
    expect((await routing(...from, '--data', 'nowhere')).stderr).toContain('nowhere')
    expect((await routing(...from, '--world')).stderr).toContain('--world must be read by a model with media')
    expect((await routing(...from, '--against', 'nobody')).stderr).toContain('--against must be a run or the folder')
  })
})

it('reads media of the world, and tells image, sound and video from text', async () => {
  const args = [
    '--world',
    'scene=1,tones=1,clip=1',
    '--context',
    '192',
    '--batch',
    '2',
    '--steps',
    '2',
    '--run',
    'world',
  ]
  expect((await pollux(['train', ...micro, ...args], { cwd: folder })).code).toBe(0)
  const { code, stderr, objects } = await routing('--run', 'world', '--tokens', '1500', '--json')
  expect([code, stderr]).toEqual([0, ''])
  const domains = objects().at(-1)!.domains as { name: string; tokens: number }[]
  expect(new Set(domains.map(({ name }) => name))).toEqual(new Set(['image', 'sound', 'video', 'dialogue']))
  for (const { tokens } of domains) expect(tokens).toBeGreaterThan(50)
})
