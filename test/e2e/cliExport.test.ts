import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel, openGguf } from '../../src/model/index.ts'
import { pollux, tinyText } from './pollux.ts'

const golden = fileURLToPath(new URL('../golden/gemma/moe-26b', import.meta.url))
let folder: string
const run = (...args: string[]) => pollux(args, { cwd: folder })
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  writeFileSync(join(folder, 'text.md'), tinyText())
  cpSync(golden, join(folder, 'moe'), { recursive: true })
  const flags = ['--preset', 'micro', '--steps', '1', '--quiet', '--run', 'first']
  expect((await run('train', '--data', 'text.md', ...flags)).code).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('pollux export', () => {
  it('writes a run as GGUF with its tokenizer and a template of turns, which inspect shows', async () => {
    const written = await run('export', '--gguf', '--type', 'q8_0', 'first', 'first.gguf', '--json')
    expect(written.stderr).toBe('')
    expect(written.objects()[0]).toMatchObject({ file: 'first.gguf', type: 'q8_0', tokenizer: true })
    using file = openGguf(join(folder, 'first.gguf'))
    expect(file.keys.get('tokenizer.ggml.model')).toBe('gpt2')
    expect(file.keys.get('tokenizer.chat_template')).toContain('<|turn>')
    const told = await run('inspect', 'first.gguf')
    expect(told.stdout).toContain('blk.1.ffn_gate_up_exps.weight')
    const { keys } = (await run('inspect', 'first.gguf', '--json')).objects()[0]
    expect(keys).toMatchObject({ 'general.architecture': 'gemma4', 'gemma4.block_count': 2 })
  })

  it('writes the folder of a checkpoint of someone else, without a tokenizer', async () => {
    const { stdout, code } = await run('export', '--gguf', 'moe', 'moe.gguf')
    expect(stdout).toContain('without a tokenizer')
    expect(code).toBe(0)
  })

  it('writes a Hugging Face folder that loads, without the state of training', async () => {
    expect((await run('export', '--hf', 'first', 'hf')).code).toBe(0)
    expect(readdirSync(join(folder, 'hf')).sort()).toEqual(
      ['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json'].sort(),
    )
    expect(loadModel(join(folder, 'hf')).config.num_hidden_layers).toBe(2)
    expect((await run('export', '--hf', 'first', 'hf')).stderr).toContain('must be a new folder')
  })

  it.each([
    [['export', 'first', 'x'], 2, 'must be given one of --gguf and --hf'],
    [['export', '--gguf', '--hf', 'first', 'x'], 2, 'must be given one of --gguf and --hf'],
    [
      ['export', '--gguf', '--type', 'q8', 'first', 'x'],
      2,
      '--type: must be one of f16, bf16, q8_0, q4_0, f32, got "q8"',
    ],
    [['export', '--gguf', 'fisrt', 'x'], 1, 'did you mean'],
    [['export', '--gguf', 'first', 'moe'], 1, 'must be a file, got the folder moe'],
    [['export', '--gguf', 'first', 'no/such/place.gguf'], 1, 'cannot be written'],
    [['inspect', 'text.gguf'], 1, 'must begin with "GGUF"'],
  ])('says what is wrong with %j', async (args, code, message) => {
    writeFileSync(join(folder, 'text.gguf'), 'no such file at all, but long enough')
    const outcome = await run(...args)
    expect(outcome.stderr).toContain(message)
    expect(outcome.code).toBe(code)
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })
})
