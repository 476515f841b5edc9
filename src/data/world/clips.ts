// Short clips: a shape that moves or stays, half of the time with a sound.
import type { Clip, Sound } from '../../media/index.ts'
import type { Rng } from '../../util/index.ts'
import { blank, colorNames, drawShape, shapeNames } from './render.ts'
import { pick } from './scene.ts'
import { turn } from './questions.ts'
import { addNote, limited, samplesOf } from './synthesis.ts'
import type { WorldItem, WorldTurn } from './types.ts'

export const clipSide = 24
export const clipFrames = 4
const framesPerSecond = 4
const radius = 4.4
/** Places of the middle that keep the shape inside. */
const [least, most] = [5, 18]

const motions = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1], still: [0, 0] } as const
export type Motion = keyof typeof motions
const motionNames = Object.keys(motions) as Motion[]

/** A clip of one second and what can be asked about it. */
export function makeClip(rng: Rng): WorldItem {
  const [shape, color, motion] = [pick(rng, shapeNames), pick(rng, colorNames), pick(rng, motionNames)]
  const kind = rng.uniform() < 0.5 ? null : pick(rng, ['rise', 'fall', 'steady', 'beeps'] as const)
  const beeps = 1 + rng.integer(3)
  const lane = rng.integer(4)
  const frames = path(motion, lane, rng).map(([x, y], i) => {
    const picture = blank(clipSide, clipSide)
    drawShape(picture, { shape, color, x, y, radius })
    return { time: i / framesPerSecond, picture }
  })
  const sound = kind === null ? undefined : clipSound(kind, beeps, rng)
  const clip: Clip = { frames, duration: clipFrames / framesPerSecond, ...(sound ? { sound } : {}) }
  return {
    signature: [shape, color, motion, lane, kind === 'beeps' ? beeps : kind].join(' '),
    media: [{ clip }],
    turns: [
      turn('motion', 'which way does it move?', motion === 'still' ? 'it stays' : motion),
      turn('moving', 'what moves?', `a ${color} ${shape}`),
      ...soundTurns(kind, beeps),
    ],
    truth: { shape, color, motion },
  }
}

/** Middles of the shape in each frame: across at least half of the frame, in one of four lanes. */
function path(motion: Motion, lane: number, rng: Rng): [number, number][] {
  const across = least + ((most - least) * lane) / 3 + rng.uniform() - 0.5
  if (motion === 'still') {
    const along = least + (most - least) * rng.uniform()
    return Array.from({ length: clipFrames }, () => [along, across])
  }
  const travel = clipSide / 2 + rng.uniform() * (most - least - clipSide / 2)
  const start = least + rng.uniform() * (most - least - travel)
  const [dx, dy] = motions[motion]
  return Array.from({ length: clipFrames }, (_, i) => {
    const done = i / (clipFrames - 1)
    const along = start + travel * (dx + dy > 0 ? done : 1 - done)
    return dx === 0 ? [across, along] : [along, across]
  })
}

type SoundKind = 'rise' | 'fall' | 'steady' | 'beeps'

function clipSound(kind: SoundKind, beeps: number, rng: Rng): Sound {
  const samples = new Float32Array(samplesOf(1))
  const low = 250 + 150 * rng.uniform()
  const common = { harmonics: [1, 0.3], loudness: 0.15 + 0.2 * rng.uniform(), phase: rng.uniform() * 6 }
  if (kind === 'beeps') {
    for (let i = 0; i < beeps; i++) {
      addNote(samples, samplesOf(0.08 + 0.3 * i), { ...common, hertz: 2.5 * low, seconds: 0.12 })
    }
  } else {
    const [from, to] = kind === 'rise' ? [1, 2.4] : kind === 'fall' ? [2.4, 1] : [1.6, 1.6]
    addNote(samples, 0, { ...common, hertz: low * from, toHertz: low * to, seconds: 1 })
  }
  return limited(samples)
}

function soundTurns(kind: SoundKind | null, beeps: number): WorldTurn[] {
  if (kind === null) return []
  if (kind === 'beeps') return [turn('beeps', 'how many beeps?', String(beeps))]
  const answer = { rise: 'it rises', fall: 'it falls', steady: 'it is steady' }[kind]
  return [turn('pitch', 'does the sound rise or fall?', answer)]
}
