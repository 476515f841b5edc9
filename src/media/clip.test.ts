// The files are fixtures/grey.*: ten frames in one second, grey of 20, 40, ... 200, under a tone of 440 Hz.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../testing/index.ts'
import { readClip, type ClipOptions } from './clip.ts'
import { findFfmpeg } from './ffmpeg.ts'

const place = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const file = (name: string) => new Uint8Array(readFileSync(place(name)))
const program = findFfmpeg()

/** Which frame of the file each frame of the clip is. */
async function numbers(source: Uint8Array | string, options: ClipOptions): Promise<number[]> {
  const { frames } = await readClip(source, options)
  return frames.map(({ picture }) => Math.round(picture.data[300] / 20) - 1)
}

describe.each(['wasm', 'installed'] as const)('ffmpeg: %s', (engine) => {
  // skipped where no ffmpeg is installed
  const test = engine === 'installed' && program === undefined ? it.skip : it

  test.each(['grey.mp4', 'grey.webm'])('reads frames and sound of %s', async (name) => {
    const clip = await readClip(file(name), { fps: 10, engine })
    expect(clip.frames.map(({ time }) => time.toFixed(3))).toEqual(
      Array.from({ length: 10 }, (_, k) => (k / 10).toFixed(3)),
    )
    clip.frames.forEach(({ picture }, k) => {
      expect([picture.width, picture.height, picture.data.length]).toEqual([32, 16, 1536])
      expect(Math.abs(picture.data[300] - 20 * (k + 1))).toBeLessThanOrEqual(2)
    })
    expect(Math.abs(clip.duration - 1)).toBeLessThan(0.03)
    const { rate, samples } = clip.sound ?? { rate: 0, samples: new Float32Array(0) }
    expect([rate, Math.abs(samples.length - 16_000) < 500]).toEqual([16_000, true])
    // 440 Hz crosses zero upwards 220 times in half a second
    let crossings = 0
    for (let i = 4000; i < 12_000; i++) if (samples[i - 1] < 0 && samples[i] >= 0) crossings++
    expect(Math.abs(crossings - 220)).toBeLessThanOrEqual(2)
  })

  test('shows at each time the frame that is seen then', async () => {
    expect(await numbers(place('grey.mp4'), { fps: 3, engine })).toEqual([0, 3, 6])
    expect(await numbers(file('grey.mp4'), { fps: 20, end: 0.4, engine })).toEqual([0, 0, 1, 1, 2, 2, 3, 3])
    expect(await numbers(file('grey.mp4'), { fps: 10, start: 0.35, end: 0.75, engine })).toEqual([3, 4, 5, 6])
    expect(await numbers(file('grey.webm'), { fps: 10, start: 0.35, end: 0.75, engine })).toEqual([3, 4, 5, 6])
    // four frames spread over the whole
    expect(await numbers(file('grey.mp4'), { fps: 10, maxFrames: 4, engine })).toEqual([0, 2, 5, 7])
  })

  test('scales frames', async () => {
    const sizeOf = async (size: ClipOptions['size']) => {
      const { picture } = (await readClip(file('grey.mp4'), { size, engine })).frames[0]
      return [picture.width, picture.height]
    }
    expect(await sizeOf(16)).toEqual([16, 8])
    expect(await sizeOf(500)).toEqual([32, 16])
    expect(await sizeOf({ width: 7, height: 9 })).toEqual([7, 9])
  })

  test('refuses what is damaged, too long or too slow', async () => {
    const bytes = file('grey.webm')
    await expect(readClip(file('grey.mp4'), { maxSeconds: 0.5, engine })).rejects.toThrow('must be at most 0.5 s long')
    await expect(readClip(bytes, { start: 5, engine })).rejects.toThrow('start must lie within')
    await expect(readClip(bytes, { timeLimit: 0.001, engine })).rejects.toThrow('must end within 0.001 s')
    bytes.fill(0xa5, 1500, 2500)
    await expect(readClip(bytes, { engine })).rejects.toThrow('must decode without errors')
  })
})

it('refuses files that are cut short, other files and settings out of range without asking ffmpeg', async () => {
  const bytes = file('grey.mp4')
  await expect(readClip(bytes.subarray(0, 3000))).rejects.toThrow("box 'mdat'")
  await expect(readClip(file('grey.webm').subarray(0, 3000))).rejects.toThrow('the file is cut short')
  await expect(readClip(file('tone.mp3'))).rejects.toThrow('must be an mp4 or webm file, got a mp3 file')
  await expect(readClip(new Uint8Array(0))).rejects.toThrow('got an empty file')
  await expect(readClip('no-such-file.mp4')).rejects.toThrow('must be readable, got Error: ENOENT')
  await expect(readClip(bytes, { fps: 0 })).rejects.toThrow('fps must be above 0 and at most 240, got 0')
  await expect(readClip(bytes, { start: 2, end: 1 })).rejects.toThrow('end must be after 2 s, got 1')
})

it.skipIf(program === undefined)('squares pixels, turns frames, and has no sound where there is none', async () => {
  using folder = tempFolder()
  const path = `${folder.path}/clip.mp4`
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=64x32:rate=5:duration=1,setsar=2']
  execFileSync(program ?? '', ['-v', 'error', ...picture, '-c:v', 'mpeg4', path])
  const clip = await readClip(path, { fps: 5 })
  expect([clip.sound, clip.frames.length]).toEqual([undefined, 5])
  expect([clip.frames[0].picture.width, clip.frames[0].picture.height]).toEqual([128, 32])
})
