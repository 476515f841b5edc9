import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pollux, tinyText } from './pollux.ts'

const golden = fileURLToPath(new URL('../golden/gemma/moe-26b', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText())
  cpSync(golden, join(folder, 'moe'), { recursive: true })
  mkdirSync(join(folder, 'empty'))
  const flags = ['--preset', 'micro', '--steps', '1', '--quiet', '--run', 'first']
  expect((await pollux(['train', '--data', 'text.md', ...flags], { cwd: folder })).code).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const inspect = (...args: string[]) => pollux(['inspect', ...args], { cwd: folder })

describe('inspect', () => {
  it('answers for a model on paper, against the dense model of the rule of thumb', async () => {
    const { stdout, code } = await inspect('32 experts of 50B, 2 active')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^1\.6T held, 100B used per token\n/)
    expect(stdout).toMatch(/sparse +dense 400B/)
    expect(stdout).toMatch(/memory in bf16 +3\.20 TB +800 GB +4x/)
    expect(stdout).toMatch(/memory in int8 +1\.60 TB +400 GB +4x/)
    expect(stdout).toMatch(/memory in int4 +800 GB +200 GB +4x/)
    const [paper] = (await inspect('32 experts of 50B, 2 active', '--json')).objects()
    expect(paper).toMatchObject({ kind: 'paper', held: 1.6e12, used: 1e11, dense: { parameters: 4e11, isRule: true } })
  })

  it('answers for a published model at a context, and says when that is too long', async () => {
    const { stdout } = await inspect('gemma-4-26b-a4b', '--context', '1048576')
    expect(stdout).toMatch(/all +25\.2B +3\.82B/)
    expect(stdout).toMatch(/full +5 +10\.2 kB +1,048,576 +10\.7 GB/)
    expect(stdout).toMatch(/1,048,576 tokens are beyond the 262,144 the model is made for/)
    expect(stdout.split('\n').every((line) => line.length <= 90)).toBe(true)
  })

  it('counts the newest run, a run by name and a checkpoint by its folder or its config', async () => {
    const [newest, named] = [(await inspect('--json')).objects()[0], (await inspect('first', '--json')).objects()[0]]
    expect(newest).toEqual(named)
    expect(newest).toMatchObject({ kind: 'run', name: 'first', stored: { dtypes: ['BF16'], media: 0 } })
    const total = (each: Record<string, unknown>) => (each.parameters as { total: number }).total
    expect((newest.stored as { parameters: number }).parameters).toBe(total(newest))
    const [checkpoint] = (await inspect('moe', '--json')).objects()
    expect(checkpoint).toMatchObject({ kind: 'checkpoint', stored: { dtypes: ['F32'] } })
    expect((checkpoint.stored as { parameters: number }).parameters).toBe(total(checkpoint))
    const [config] = (await inspect('moe/config.json', '--json')).objects()
    expect(config).toMatchObject({ kind: 'config', parameters: checkpoint.parameters })
    expect((await inspect('runs/first')).stdout).toContain('stored: ')
  })

  it.each([
    [['nanno'], 1, /one of micro, nano, gemma-4-26b-a4b, .*got "nanno"\nhint: did you mean nano\?/],
    [['32 experts of fifty'], 1, /must read like "32 experts of 50B, 2 active", got "32 experts of fifty"\nhint: /],
    [['empty'], 1, /empty must have a config\.json, got none/],
    [['text.md'], 1, /text\.md must be readable JSON/],
    [['nano', '--context', '0'], 2, /--context: must be a whole number of at least 1, got "0"/],
  ])('%j gets a clear error', async (args, code, message) => {
    const result = await inspect(...args)
    expect(result.code).toBe(code)
    expect(result.stdout).toBe('')
    expect(result.stderr).toMatch(message)
    expect(result.stderr).not.toMatch(/^\s+at /m)
  })
})
