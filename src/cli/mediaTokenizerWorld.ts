// The generated world as material for a media tokenizer: what a model will be asked to draw and edit, play and say.
//
// Pictures and sounds that are to be predicted are what must be written as codes, so they are what is learnt: each drawn and
// spoken in its one canonical way. The checker of the world says whether a picture that went through its codes still shows the same.
import {
  readSaid,
  readScene,
  readTones,
  worldDocument,
  type WorldSplit,
  type WorldTask,
  worldTasks,
} from '../data/index.ts'
import type { Picture, Sound } from '../media/index.ts'
import { UsageError } from './usage.ts'
import { type Material, type Materials, mostHeldOut, pictureMaterial, soundMaterial } from './mediaTokenizerMaterial.ts'

/** Tasks that ask for a picture, and for a sound. */
const pictureTasks = tasksNamed('draw', 'edit')
const soundTasks = tasksNamed('play', 'say')
/** Documents of each task: together they show every object in every place, every note and digit many times over. */
const trainPictures = 1500
const trainSounds = 400
const heldOutPictures = mostHeldOut / 2
/** Decoding a sound takes a while. */
const heldOutSounds = 24

export interface WorldMaterialOptions {
  kind: 'image' | 'audio' | 'both'
  /** Side of a patch in pixels; 12 is a cell of a scene. */
  patch: number
  mels: number
  seed: number
}

/** @throws UsageError when the sides of the world's pictures are no multiples of `patch` */
export function worldMaterial({ kind, patch, mels, seed }: WorldMaterialOptions): Materials {
  return {
    rejects: [],
    ...(kind !== 'audio' && { image: worldPictures(patch, seed) }),
    ...(kind !== 'image' && { audio: worldSounds(mels, seed) }),
  }
}

function worldPictures(patch: number, seed: number): Material<Picture> {
  const train = targets(pictureTasks, 'train', seed, trainPictures).pictures
  const heldOut = targets(pictureTasks, 'test', seed, heldOutPictures).pictures
  const { width } = train[0]
  if (width % patch !== 0)
    throw new UsageError(`--patch: must divide the ${width} pixels of the world's pictures, got ${patch}`)
  const name = `${train.length.toLocaleString('en-US')} pictures of the generated world`
  const share = (decoded: Picture[]): number => agreement(decoded, heldOut, sceneText)
  return { ...pictureMaterial({ train, heldOut }, patch, name), readable: { what: 'scenes read right', share } }
}

function worldSounds(mels: number, seed: number): Material<Sound> {
  const train = soundTasks.flatMap((task) => targets([task], 'train', seed, trainSounds).sounds)
  const held = soundTasks.map((task) => targets([task], 'test', seed, heldOutSounds).sounds)
  const heldOut = held.flat()
  const name = `${train.length.toLocaleString('en-US')} sounds of the generated world`
  // what was played is read as notes, what was said as digits
  const reads = held.flatMap((sounds, i) => sounds.map(() => (soundTasks[i] === 'say' ? readSaid : readTones)))
  const share = (decoded: Sound[]): number => agreement(decoded, heldOut, (sound, i) => reads[i](sound))
  return { ...soundMaterial({ train, heldOut }, mels, name), readable: { what: 'notes and digits read right', share } }
}

/** Share of those in which a checker reads the same as in the original. */
function agreement<T>(decoded: T[], originals: T[], read: (item: T, i: number) => string): number {
  return decoded.filter((item, i) => read(item, i) === read(originals[i], i)).length / decoded.length
}

/** What documents 0 .. count - 1 of each task ask to be made. */
function targets(tasks: WorldTask[], split: WorldSplit, seed: number, count: number) {
  const pictures: Picture[] = []
  const sounds: Sound[] = []
  for (let index = 0; index < count; index++) {
    for (const task of tasks) {
      for (const part of worldDocument({ seed, split, index, task }).parts) {
        if ('clip' in part || part.target !== true) continue
        if ('picture' in part) pictures.push(part.picture)
        if ('sound' in part) sounds.push(part.sound)
      }
    }
  }
  return { pictures, sounds }
}

/** What the checker sees, as text to compare. */
function sceneText(picture: Picture): string {
  return readScene(picture)
    .map(({ size, color, shape, cell }) => `${size} ${color} ${shape} ${cell}`)
    .join(', ')
}

function tasksNamed(...names: string[]): WorldTask[] {
  return worldTasks.filter((task) => names.includes(task))
}
