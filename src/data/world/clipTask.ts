// The task "clip": one object that moves or stays through four frames of 16x16, and half of the time a second of sound.
import type { Rng } from '../../util/index.ts'
import type { Clip, Picture, Sound } from '../../media/index.ts'
import type { MediaPart } from '../mediaPart.ts'
import { addNoise, clampSamples } from './noise.ts'
import { emptyPicture, paint, shapeMask } from './render.ts'
import { colors, shapes, type Color, type Shape } from './scene.ts'
import { nounPhrase, type Asked } from './sceneTask.ts'
import { addTone, worldRate } from './toneTask.ts'
import { answer, ask, pick, type Task } from './types.ts'

/** Pixels of a side of a frame. */
export const frameSize = 16
const frameCount = 4
/** Frames a second. */
const framesPerSecond = 4

export const motions = ['left', 'right', 'up', 'down', 'still'] as const
export type Motion = (typeof motions)[number]
/** What is heard: a long tone or some beeps. */
export const clipSounds = ['rises', 'falls', 'steady', '1 beep', '2 beeps', '3 beeps'] as const
export type ClipSound = (typeof clipSounds)[number]

/** What a clip shows. */
export interface ClipPlan {
  color: Color
  shape: Shape
  motion: Motion
  /** Undefined: silent, without a sound. */
  sound?: ClipSound
}

/** Pixels a frame, to the right and down. */
const steps: Record<Motion, [number, number]> = {
  left: [-1, 0],
  right: [1, 0],
  up: [0, -1],
  down: [0, 1],
  still: [0, 0],
}

/** The clip of a plan: 1 s, the object moving by at least half of the frame, or still. */
export function renderClip(plan: ClipPlan, rng: Rng): Clip {
  const travel = 8 + rng.integer(2)
  const along = (frameSize - travel) / 2 + rng.integer(2) - 0.5
  const across = 5 + rng.integer(7)
  const rest = [5 + rng.integer(7), 5 + rng.integer(7)]
  const place = (frame: number) => {
    const [right, down] = steps[plan.motion]
    const moved = along + (travel * frame) / (frameCount - 1)
    if (right !== 0) return [right > 0 ? moved : frameSize - moved, across]
    if (down !== 0) return [across, down > 0 ? moved : frameSize - moved]
    return rest
  }
  const frames = Array.from({ length: frameCount }, (_, frame) => {
    const [x, y] = place(frame)
    return { time: frame / framesPerSecond, picture: renderFrame(plan, x, y) }
  })
  const duration = frameCount / framesPerSecond
  if (plan.sound === undefined) return { frames, duration }
  return { frames, sound: renderSound(plan.sound, rng), duration }
}

function renderFrame({ color, shape }: ClipPlan, x: number, y: number): Picture {
  const picture = emptyPicture(frameSize)
  paint(picture, shapeMask(shape, 'small', x, y, frameSize), color)
  return picture
}

/** Samples of a beep: 160 ms, and of the pause after it. */
const beepLength = 2560
const pauseLength = 1920

function renderSound(kind: ClipSound, rng: Rng): Sound {
  const samples = new Float32Array(worldRate)
  const loudness = 0.2 + 0.4 * rng.uniform()
  const harmonics = [loudness, 0.4 * loudness]
  const low = 250 + 150 * rng.uniform()
  const high = low * (1.9 + 0.4 * rng.uniform())
  if (kind === 'rises') addTone(samples, 0, worldRate, [low, high], harmonics, rng.uniform())
  else if (kind === 'falls') addTone(samples, 0, worldRate, [high, low], harmonics, rng.uniform())
  else if (kind === 'steady') {
    const hertz = low + (high - low) * rng.uniform()
    addTone(samples, 0, worldRate, [hertz, hertz], harmonics, rng.uniform())
  } else {
    const start = rng.integer(1601)
    for (let beep = 0; beep < Number(kind[0]); beep++) {
      addTone(samples, start + beep * (beepLength + pauseLength), beepLength, [high, high], harmonics, rng.uniform())
    }
  }
  addNoise(samples, 0.002 + 0.008 * rng.uniform(), rng)
  return { rate: worldRate, samples: clampSamples(samples) }
}

/** Everything that can be asked about a clip. */
export function clipQuestions({ color, shape, motion, sound }: ClipPlan, rng: Rng): Asked[] {
  const asked: Asked[] = [
    {
      kind: 'motion',
      question: pick(['which way does it move?', `which way does the ${shape} move?`], rng),
      answer: motion,
    },
    { kind: 'object', question: pick(['what moves?', 'what do you see?'], rng), answer: nounPhrase({ color, shape }) },
  ]
  // a still object does not move, but it is seen
  if (motion === 'still') asked[1].question = 'what do you see?'
  if (sound === undefined) return asked
  if (sound.includes('beep')) asked.push({ kind: 'beeps', question: 'how many beeps?', answer: sound[0] })
  else asked.push({ kind: 'pitch', question: 'does the sound rise or fall?', answer: sound })
  return asked
}

export const clipTask: Task<ClipPlan> = {
  plan: (rng) => ({
    color: pick(colors, rng),
    shape: pick(shapes, rng),
    motion: pick(motions, rng),
    sound: rng.integer(2) === 0 ? pick(clipSounds, rng) : undefined,
  }),
  signature: ({ color, shape, motion, sound }) => `${color} ${shape} ${motion} ${sound ?? 'silent'}`,
  document(plan, rng) {
    const parts: MediaPart[] = [{ clip: renderClip(plan, rng) }]
    for (const turn of rng.shuffle(clipQuestions(plan, rng))) parts.push(ask(turn.question), answer(turn.answer))
    return parts
  },
  questions(plan, rng) {
    const clip = renderClip(plan, rng)
    return clipQuestions(plan, rng).map(({ kind, question, answer }) => ({
      kind,
      prompt: [{ clip }, ask(question)],
      answer: `${answer}\n`,
      truth: { clip: plan },
    }))
  },
}
