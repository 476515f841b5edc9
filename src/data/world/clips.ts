// Clips of one second: a shape that moves or stays, half of the time with a sound that has nothing to do with it.
//
// Four small frames, so that a clip costs few tokens. The direction is never in one frame, and what the sound does never in
// one token: both must be put together over time.
import { type Picture, type Sound, soundRate } from '../../media/index.ts'
import type { Rng } from '../../util/index.ts'
import { between, draw } from './random.ts'
import { blank, type ColorName, colorNames, drawShape, type ShapeName, shapeNames } from './render.ts'
import { addNoise, addTone, ms } from './synthesis.ts'
import type { WorldItem, WorldTurn } from './types.ts'

/** Pixels. */
export const clipSide = 24
export const clipFrames = 4
const framesPerSecond = 4
/** Of a shape, in pixels. */
const radius = (3 * clipSide) / 16
/** Positions are rounded to this many places a pixel: shapes there are drawn once and kept. */
const places = 4
/** The middle of a shape stays within, so that all of it is seen. 0 is the middle of the first pixel. */
const low = radius - 0.5
const high = clipSide - 1 - low
/** Cells a side of the grid of starts: what begins in another cell is another content. */
const cells = 4

const steps = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1], still: [0, 0] } as const
export type Direction = keyof typeof steps
const directions = Object.keys(steps) as Direction[]

export type ClipSound = 'none' | 'rise' | 'fall' | 'steady' | 'beeps'

/** What a clip shows and sounds like. */
export interface ClipTruth {
  shape: ShapeName
  color: ColorName
  direction: Direction
  sound: ClipSound
  /** 1 to 3; 0 where the sound is no beeps. */
  beeps: number
}

/** A clip and every question that it answers, in any order; truth: a `ClipTruth`. */
export function makeClip(rng: Rng): WorldItem {
  const sound = rng.uniform() < 0.5 ? 'none' : draw(rng, ['rise', 'fall', 'steady', 'beeps'] as const)
  const truth: ClipTruth = {
    shape: draw(rng, shapeNames),
    color: draw(rng, colorNames),
    direction: draw(rng, directions),
    sound,
    beeps: sound === 'beeps' ? 1 + rng.integer(3) : 0,
  }
  const path = randomPath(truth.direction, rng)
  const frames = path.map(([x, y], i) => ({ time: i / framesPerSecond, picture: drawFrame(truth, x, y) }))
  const clip = { frames, duration: clipFrames / framesPerSecond }
  const cell = path[0].map((at) => Math.floor((at * cells) / clipSide))
  return {
    signature: `clip ${truth.color} ${truth.shape} ${truth.direction} ${cell.join(',')} ${sound} ${truth.beeps}`,
    media: [{ clip: sound === 'none' ? clip : { ...clip, sound: drawSound(truth, rng) } }],
    turns: rng.shuffle(turnsOf(truth)),
    truth,
  }
}

function turnsOf({ shape, color, direction, sound, beeps }: ClipTruth): WorldTurn[] {
  const turn = (kind: string, question: string, answer: string): WorldTurn => ({
    kind,
    question: `${question}\n`,
    answer: { text: `${answer}\n` },
  })
  const turns = [
    turn('motion', 'which way does it move?', direction === 'still' ? 'it stays' : direction),
    turn('moving', 'what moves?', `a ${color} ${shape}`),
  ]
  const heard = { none: '', rise: 'it rises', fall: 'it falls', steady: 'it is steady', beeps: '' }[sound]
  if (heard !== '') turns.push(turn('pitch', 'does the sound rise or fall?', heard))
  if (sound === 'beeps') turns.push(turn('beeps', 'how many beeps?', String(beeps)))
  return turns
}

/** Where the middle is in each frame: half of the frame or more from first to last, or always the same. */
function randomPath(direction: Direction, rng: Rng): [number, number][] {
  const snap = (at: number): number => Math.round(at * places) / places
  const [dx, dy] = steps[direction]
  const travel = between(rng, clipSide / 2, high - low)
  const start = (step: number): number => {
    if (step === 0) return between(rng, low, high)
    const from = between(rng, low, high - travel)
    return step > 0 ? from : clipSide - 1 - from
  }
  const [x, y] = [start(dx), start(dy)]
  return Array.from({ length: clipFrames }, (_, i) => {
    const gone = (travel * i) / (clipFrames - 1)
    return [snap(x + dx * gone), snap(y + dy * gone)]
  })
}

function drawFrame({ shape, color }: ClipTruth, x: number, y: number): Picture {
  const picture = blank(clipSide, clipSide)
  drawShape(picture, { shape, color, x, y, radius })
  return picture
}

/** One second: a tone from end to end, or beeps with pauses as long as a beep or longer. */
function drawSound({ sound, beeps }: ClipTruth, rng: Rng): Sound {
  const length = ms((1000 * clipFrames) / framesPerSecond)
  const samples = new Float32Array(length)
  const level = between(rng, 0.2, 0.8)
  const harmonics = [1, between(rng, 0, 0.5), between(rng, 0, 0.3)]
  const phase = between(rng, 0, 2 * Math.PI)
  const middle = between(rng, 350, 900)
  if (sound === 'beeps') {
    const beep = ms(between(rng, 90, 140))
    const period = ms(between(rng, 280, 320))
    let start = rng.integer(length - (beeps - 1) * period - beep + 1)
    for (let i = 0; i < beeps; i++, start += period)
      addTone(samples, { start, length: beep, frequency: middle, level, harmonics, phase })
  } else {
    // octaves below the middle where it begins, and above it where it ends
    const bend = { rise: 1, fall: -1, steady: 0, none: 0 }[sound] * between(rng, 1 / 3, 1)
    const [frequency, to] = [middle * 2 ** -bend, middle * 2 ** bend]
    addTone(samples, { start: 0, length, frequency, to, level, harmonics, phase })
  }
  addNoise(samples, level * between(rng, 0, 0.05), rng)
  return { rate: soundRate, samples }
}
