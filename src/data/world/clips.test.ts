import { describe, expect, it } from 'vitest'
import type { Clip, Picture, Sound } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { type ClipTruth, clipSide, makeClip } from './clips.ts'
import { type ColorName, colorNames, ground, palette, shapeNames } from './render.ts'
import type { WorldItem } from './types.ts'

const items = Array.from({ length: 300 }, (_, seed) => makeClip(new Rng(seed)))
const truthOf = (item: WorldItem): ClipTruth => item.truth as ClipTruth

function clipOf({ media: [part] }: WorldItem): Clip {
  if (!('clip' in part)) throw new Error('expected a clip')
  return part.clip
}

function answers(item: WorldItem): Record<string, string> {
  return Object.fromEntries(item.turns.map(({ kind, answer }) => [kind, (answer as { text: string }).text]))
}

/** Middle and mass of what differs from the ground. */
function blob({ width, data }: Picture): { x: number; y: number; mass: number; color: number[] } {
  let [mass, x, y] = [0, 0, 0]
  let color = [0, 0, 0]
  for (let i = 0; i < data.length; i += 3) {
    const rgb = [...data.subarray(i, i + 3)]
    const weight = Math.hypot(...rgb.map((value, c) => value - ground[c]))
    mass += weight
    x += weight * ((i / 3) % width)
    y += weight * Math.floor(i / 3 / width)
    if (weight > Math.hypot(...color.map((value, c) => value - ground[c]))) color = rgb
  }
  return { x: x / mass, y: y / mass, mass, color }
}

function wayOf(clip: Clip): string {
  const [from, to] = [blob(clip.frames[0].picture), blob(clip.frames.at(-1)!.picture)]
  const [dx, dy] = [to.x - from.x, to.y - from.y]
  if (Math.hypot(dx, dy) < 1) return 'it stays\n'
  expect(Math.max(Math.abs(dx), Math.abs(dy))).toBeGreaterThan(clipSide / 2 - 0.5)
  expect(Math.min(Math.abs(dx), Math.abs(dy))).toBeLessThan(0.5)
  return Math.abs(dx) > Math.abs(dy) ? (dx > 0 ? 'right\n' : 'left\n') : dy > 0 ? 'down\n' : 'up\n'
}

/** Hz of the strongest line of a stretch, by a plain Fourier sum. */
function strongest(samples: Float32Array, rate: number): number {
  let [best, most] = [0, -1]
  for (let hertz = 150; hertz < 2000; hertz += 8) {
    let [re, im] = [0, 0]
    for (const [n, x] of samples.entries()) {
      re += x * Math.cos((2 * Math.PI * hertz * n) / rate)
      im += x * Math.sin((2 * Math.PI * hertz * n) / rate)
    }
    if (re * re + im * im > most) [best, most] = [hertz, re * re + im * im]
  }
  return best
}

/** Stretches of sound in the loudness of every 10 ms. */
function bursts({ samples, rate }: Sound): number {
  const step = rate / 100
  const level = Array.from({ length: Math.floor(samples.length / step) }, (_, i) =>
    Math.hypot(...samples.subarray(i * step, (i + 1) * step)),
  )
  const loud = level.map((x) => x > 0.4 * Math.max(...level))
  return loud.filter((is, i) => is && !loud[i - 1]).length
}

describe('makeClip', () => {
  it('moves the shape the way that the answer says, half of the frame or more, and keeps all of it in sight', () => {
    for (const item of items) {
      const clip = clipOf(item)
      expect(answers(item).motion).toBe(wayOf(clip))
      const masses = clip.frames.map(({ picture }) => blob(picture).mass)
      expect(Math.max(...masses) / Math.min(...masses)).toBeLessThan(1.1)
    }
  })

  it('shows the colour that the answer says', () => {
    for (const item of items) {
      const { color } = blob(clipOf(item).frames[0].picture)
      const nearest = colorNames.reduce((a, b) => (apart(color, a) <= apart(color, b) ? a : b))
      expect(answers(item).moving).toBe(`a ${nearest} ${truthOf(item).shape}\n`)
    }
  })

  const apart = (rgb: number[], name: ColorName): number => Math.hypot(...rgb.map((x, c) => x - palette[name][c]))

  it('has four frames of a quarter of a second, and the sound of one second in half of the clips', () => {
    for (const item of items) {
      const clip = clipOf(item)
      expect(clip.frames.map(({ time }) => time)).toEqual([0, 0.25, 0.5, 0.75])
      expect(clip.duration).toBe(1)
      expect(clip.frames.every(({ picture: { width, height } }) => width === clipSide && height === clipSide)).toBe(
        true,
      )
      if (clip.sound) expect(clip.sound.samples.length).toBe(16000)
      if (clip.sound) expect(clip.sound.samples.every((x) => Math.abs(x) <= 1)).toBe(true)
    }
    const withSound = items.filter((item) => clipOf(item).sound).length
    expect(withSound).toBeGreaterThan(110)
    expect(withSound).toBeLessThan(190)
  })

  it('rises, falls, stands or beeps as the answers say', () => {
    const sounding = items.filter((item) => clipOf(item).sound)
    for (const item of sounding.slice(0, 60)) {
      const sound = clipOf(item).sound!
      const { pitch, beeps } = answers(item)
      if (beeps === undefined) {
        const [from, to] = [1600, 13600].map((at) => strongest(sound.samples.subarray(at, at + 800), sound.rate))
        expect(pitch).toBe(to > 1.2 * from ? 'it rises\n' : from > 1.2 * to ? 'it falls\n' : 'it is steady\n')
      } else {
        expect(pitch).toBeUndefined()
        expect(beeps).toBe(`${bursts(sound)}\n`)
      }
    }
    for (const item of items.filter((item) => !clipOf(item).sound))
      expect(Object.keys(answers(item)).sort()).toEqual(['motion', 'moving'])
  })

  it('draws every shape, colour, direction and sound, and says in the signature what an item is about', () => {
    const seen = new Set(items.flatMap((item) => Object.values(truthOf(item)).map(String)))
    for (const word of [...shapeNames, ...colorNames, 'left', 'right', 'up', 'down', 'still'])
      expect(seen).toContain(word)
    for (const word of ['none', 'rise', 'fall', 'steady', 'beeps', '0', '1', '2', '3']) expect(seen).toContain(word)
    for (const item of items) {
      const { shape, color, direction, sound } = truthOf(item)
      for (const word of [shape, color, direction, sound]) expect(item.signature).toContain(word)
    }
  })

  it('makes the same clip of the same state', () => {
    expect(makeClip(new Rng(11))).toEqual(makeClip(new Rng(11)))
    expect(makeClip(new Rng(11))).not.toEqual(makeClip(new Rng(12)))
  })
})
