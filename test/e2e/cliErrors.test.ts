import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pollux, tinyText } from './pollux.ts'

const noText = fileURLToPath(new URL('../golden/data/no-text.parquet', import.meta.url))
let folder: string
const micro = ['--preset', 'micro', '--steps', '2', '--quiet']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText())
  mkdirSync(join(folder, 'empty'))
  writeFileSync(join(folder, 'picture.bin'), Buffer.from([0, 1, 2, 0, 255]))
  const good = await pollux(['train', '--data', 'text.md', ...micro, '--run', 'good'], { cwd: folder })
  expect([good.code, good.stderr]).toEqual([0, ''])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A copy of the good run, changed. */
function damagedRun(name: string, change: (checkpoint: string) => void): void {
  const run = join(folder, 'runs', name)
  cpSync(join(folder, 'runs/good'), run, { recursive: true })
  change(join(run, 'checkpoint'))
}

describe('bad input', () => {
  it.each([
    ['a folder that is not there', ['train', '--data', 'nowhere'], 1, /must exist, got .*nowhere/],
    ['a name that drives terminals', ['train', '--data', 'no\x1bcwhere'], 1, /must exist, got .*no␛cwhere\n/],
    ['a pattern without a match', ['train', '--data', '*.rst'], 1, /\*\.rst/],
    ['an empty folder', ['train', '--data', 'empty'], 1, /empty must hold text, got nothing/],
    ['a file that is no text', ['train', '--data', 'picture.bin'], 1, /picture\.bin/],
    ['a parquet without text', ['train', '--data', noText], 1, /parquet without a text column/],
    ['an unknown flag', ['train', '--minuts', '3'], 2, /unknown option '--minuts'\nhint: did you mean --minutes\?/],
    ['an unknown command', ['trian'], 2, /unknown command 'trian'\nhint: did you mean train\?/],
    ['an unknown preset', ['train', '--preset', 'nanno'], 2, /got "nanno"\nhint: did you mean --preset nano\?/],
    ['a word for a number', ['train', '--minutes', 'abc'], 2, /--minutes: must be a positive number, got "abc"/],
    ['a depth of nought', ['train', '--depth', '0'], 2, /--depth: must be a whole number from 1 to 64, got "0"/],
    ['two lengths', ['train', '--minutes', '1', '--steps', '1'], 2, /one at a time, got both/],
    ['a vocabulary below the bytes', ['train', '--vocab', '100'], 2, /--vocab: must be a whole number from 280/],
    ['a name with a slash', ['train', '--run', 'a/b'], 2, /--run: must be made of letters/],
    ['no such run to resume', ['train', '--resume', '--run', 'absent'], 1, /under runs \(.*good.*\), got "absent"/],
    ['no such run to sample', ['sample', '--run', 'absent'], 1, /under runs \(.*good.*\), got "absent"/],
    ['no runs at all', ['sample', '--out', 'empty'], 1, /got none under empty\nhint: npx pollux train/],
    ['runs in a file', ['runs', '--out', 'text.md'], 1, /--out: must be a folder .* read, got text\.md \(ENOTDIR\)/],
    ['training into a file', ['train', '--out', 'text.md'], 1, /--out: .* written, got text\.md \(ENOTDIR\)/],
    ['sampling from a file', ['sample', '--out', 'text.md'], 1, /--out: .* read, got text\.md \(ENOTDIR\)/],
    ['weights of no kind', ['serve', '--weights', 'int5'], 2, /got "int5"\nhint: did you mean --weights int[48]\?/],
    ['too much probability', ['sample', '--top-p', '2'], 2, /--top-p: must be a number above 0 and at most 1/],
  ])('%s gets a clear error', async (_, args, code, message) => {
    const result = await pollux(args, { cwd: folder })
    expect(result.code).toBe(code)
    expect(result.stdout).toBe('')
    expect(result.stderr).toMatch(message)
    expect(result.stderr).not.toMatch(/^\s+at /m)
  })

  it('shows the stack when it is asked for', async () => {
    const result = await pollux(['train', '--data', 'nowhere'], { cwd: folder, env: { POLLUX_DEBUG: '1' } })
    expect(result.stderr).toMatch(/^\s+at /m)
  })

  it('leaves no run behind when training could not begin', async () => {
    await pollux(['train', '--data', 'nowhere', '--run', 'never'], { cwd: folder })
    const { stderr } = await pollux(['sample', '--run', 'never'], { cwd: folder })
    expect(stderr).toContain('got "never"')
  })
})

describe('a bad checkpoint', () => {
  it.each<[string, (checkpoint: string) => void, RegExp]>([
    ['cut short', (path) => truncateSync(join(path, 'model.safetensors'), 1000), /model\.safetensors/],
    ['empty', (path) => writeFileSync(join(path, 'model.safetensors'), ''), /model\.safetensors/],
    ['without weights', (path) => rmSync(join(path, 'model.safetensors')), /model\.safetensors is missing/],
    ['with a broken config', (path) => writeFileSync(join(path, 'config.json'), '{"vocab'), /config\.json is not JSON/],
    [
      'of a foreign architecture',
      (path) => writeFileSync(join(path, 'config.json'), '{"architectures":["LlamaForCausalLM"]}'),
      /architectures must be one of Gemma4ForCausalLM, .*got \["LlamaForCausalLM"\]/,
    ],
    ['with a broken tokenizer', (path) => writeFileSync(join(path, 'tokenizer.json'), '{}'), /tokenizer/i],
    ['without a tokenizer', (path) => rmSync(join(path, 'tokenizer.json')), /tokenizer\.json/],
  ])('%s is refused by sample', async (what, change, message) => {
    const name = what.replaceAll(' ', '-')
    damagedRun(name, change)
    const result = await pollux(['sample', '--run', name], { cwd: folder })
    expect(result.code).toBe(1)
    expect(result.stdout).toBe('')
    expect(result.stderr).toMatch(message)
    expect(result.stderr).not.toMatch(/^\s+at /m)
  })

  it('whose training state is damaged is not resumed, and stays as it is', async () => {
    damagedRun('torn', (path) => truncateSync(join(path, 'training_state.safetensors'), 500))
    const before = readFileSync(join(folder, 'runs/torn/metrics.jsonl'), 'utf8')
    const result = await pollux(['train', '--resume', '--run', 'torn', '--steps', '4', '--quiet'], { cwd: folder })
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/training_state\.safetensors/)
    expect(readFileSync(join(folder, 'runs/torn/metrics.jsonl'), 'utf8')).toBe(before)
  })
})

// ulimit -f counts KiB in bash: 64 KiB hold run.json and the metrics, and no checkpoint.
describe.skipIf(process.platform === 'win32')('a disk that is full while saving', () => {
  it('is named with what is safe, loses nothing, and the run goes on when there is room', async () => {
    damagedRun('full', () => {})
    const checkpoint = join(folder, 'runs/full/checkpoint')
    const saved = readFileSync(join(checkpoint, 'training_state.safetensors'))
    const resume = ['train', '--resume', '--run', 'full', '--steps', '5', '--quiet']
    const full = await pollux(resume, { cwd: folder, before: 'ulimit -f 64' })
    expect(full.code).toBe(1)
    expect(full.stderr).toMatch(
      /must have room to save, got E\w+; .*checkpoint is whole as of step 2\nhint: make room, then /,
    )
    expect(readFileSync(join(checkpoint, 'training_state.safetensors')).equals(saved)).toBe(true)
    const after = await pollux(resume, { cwd: folder })
    expect([after.code, after.stderr]).toEqual([0, ''])
    expect(readFileSync(join(folder, 'runs/full/metrics.jsonl'), 'utf8').trim().split('\n')).toHaveLength(5)
  })

  it('is named when nothing was saved before', async () => {
    const flags = ['--preset', 'micro', '--steps', '3', '--quiet', '--run', 'unsaved', '--data', 'text.md']
    const full = await pollux(['train', ...flags], { cwd: folder, before: 'ulimit -f 64' })
    expect(full.code).toBe(1)
    expect(full.stderr).toMatch(/nothing was saved before\nhint: make room, then .* --run unsaved starts it again/)
    const again = await pollux(['train', '--resume', '--run', 'unsaved', '--quiet'], { cwd: folder })
    expect([again.code, again.stderr]).toEqual([0, ''])
  })
})
