import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodePng, encodeWav } from '../../src/media/index.ts'
import { encodePicture, loadMediaTokenizers } from '../../src/model/index.ts'
import { pollux } from './pollux.ts'

let folder: string
const quick = ['--minutes', '0.01', '--hidden', '16', '--patch', '4', '--mels', '16']

/** A picture of 10 x 9 pixels with a bar of its own colour and place. */
function bar(i: number) {
  const data = new Uint8Array(10 * 9 * 3).fill(30)
  for (let y = 0; y < 9; y++) data.set([200, 20 * i, 0], (y * 10 + i) * 3)
  return { width: 10, height: 9, data }
}

const tone = (hertz: number) => ({
  rate: 16000,
  samples: Float32Array.from({ length: 4000 }, (_, i) => 0.3 * Math.sin((2 * Math.PI * hertz * i) / 16000)),
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pollux-'))
  mkdirSync(join(folder, 'media/sub'), { recursive: true })
  for (let i = 0; i < 6; i++) writeFileSync(join(folder, `media/bar${i}.png`), await encodePng(bar(i)))
  for (let i = 0; i < 3; i++) writeFileSync(join(folder, `media/sub/tone${i}.wav`), encodeWav(tone(300 + 100 * i)))
  writeFileSync(join(folder, 'media/<broken>.png'), 'no picture at all')
  writeFileSync(join(folder, 'media/notes.txt'), 'no media, not looked at')
  mkdirSync(join(folder, 'one'))
  writeFileSync(join(folder, 'one/only.png'), await encodePng(bar(0)))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('pollux media-tokenizer', () => {
  it('trains both kinds on files, leaves tokenizers that load, and a report that shows both sides', async () => {
    const result = await pollux(['media-tokenizer', '--data', 'media', ...quick, '--out', 'mt', '--json'], {
      cwd: folder,
    })
    expect([result.code, result.stderr]).toEqual([0, ''])
    const done = result.objects().at(-1)!
    expect(done).toMatchObject({ event: 'done', out: 'mt' })
    expect(done.results).toMatchObject([
      { kind: 'image', codes: 256, tokensPerPatch: 2, bitsPerPatch: 16 },
      { kind: 'audio', codes: 256 },
    ])
    expect(done.rejects).toMatchObject([{ path: 'media/<broken>.png' }])
    const { image, audio } = loadMediaTokenizers(join(folder, 'mt'))
    expect([image!.config.inputDim, audio!.config.inputDim]).toEqual([48, 64])
    expect(
      encodePicture(image!, { ...bar(1), width: 8, height: 8, data: bar(1).data.slice(0, 192) }).codes.length,
    ).toBe(8)
    const report = readFileSync(join(folder, 'mt/report.html'), 'utf8')
    expect(report.match(/data:image\/png/g)!.length).toBe(2)
    expect(report.match(/data:audio\/wav/g)!.length).toBe(2)
    expect(report).toContain('&#60;broken&#62;.png')
    expect(report).not.toContain('<broken>')
    expect(report).not.toMatch(/(src|href)="(?!data:)/)
  })

  it('replaces a tokenizer of one kind and leaves the other as it is', async () => {
    const audioFile = join(folder, 'mt/audio/model.safetensors')
    const before = readFileSync(audioFile)
    const args = [
      'media-tokenizer',
      '--data',
      'media/*.png',
      '--kind',
      'image',
      ...quick,
      '--levels',
      '5,5,5',
      '--tokens',
      '1',
    ]
    const result = await pollux([...args, '--out', 'mt'], { cwd: folder })
    expect([result.code, result.stderr]).toEqual([0, ''])
    expect(result.stdout).toContain('1 × 125 codes')
    expect(result.stdout).toContain('left out: media/<broken>.png')
    expect(loadMediaTokenizers(join(folder, 'mt')).image!.codeCount).toBe(125)
    expect(readFileSync(audioFile).equals(before)).toBe(true)
  })

  it.each([
    ['a folder that is not there', ['--data', 'nowhere'], 1, /must be a folder, a file or a pattern .*, got nowhere/],
    ['one picture', ['--data', 'one', '--patch', '4'], 1, /must have at least 2 pictures, got 1 in one/],
    [
      'a file of another kind',
      ['--data', 'media/notes.txt'],
      1,
      /must find pictures or sounds, got none .*\nhint: media\/notes/,
    ],
    ['no sounds', ['--data', 'one', '--kind', 'audio'], 1, /must have at least 2 sounds, got 0 in one/],
    ['two levels', ['--levels', '4,2'], 2, /--levels: must be a whole number from 3 to 256, got "2"/],
    [
      'a patch that does not divide',
      ['--kind', 'image', '--patch', '7'],
      2,
      /--patch: must divide the 36 pixels .*, got 7/,
    ],
    ['both sources', ['--world', '--data', 'media'], 2, /must have --data or --world, got both/],
    [
      'a folder of something else',
      ['--out', 'media', '--data', 'one'],
      1,
      /media\/image must be absent or a tokenizer/,
    ],
  ])('%s gets a clear error', async (_, args, code, message) => {
    mkdirSync(join(folder, 'media/image'), { recursive: true })
    const result = await pollux(['media-tokenizer', ...args], { cwd: folder })
    expect([result.code, result.stdout.split('\n').filter((line) => /trained|dB/.test(line))]).toEqual([code, []])
    expect(result.stderr).toMatch(message)
    expect(existsSync(join(folder, 'media-tokenizer'))).toBe(false)
  })
})
