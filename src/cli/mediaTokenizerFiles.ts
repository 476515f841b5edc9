// Pictures, sounds and clips from files as material for a media tokenizer. A tenth is held out.
import { glob, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Clip,
  decodeMedia,
  type Media,
  mediaTypes,
  type Picture,
  resample,
  resizePicture,
  sniff,
  type Sound,
  soundRate,
} from '../media/index.ts'
import { PolluxError, Rng } from '../util/index.ts'
import { type Materials, mostHeldOut, pictureMaterial, soundMaterial } from './mediaTokenizerMaterial.ts'

/** Pictures are shrunk to this many pixels on the longer side, sounds cut into pieces of this many seconds. */
const longestSide = 384
const pieceSeconds = 4
/** Most that is read of each kind: what is beyond would not fit the pool of patches. */
const mostPictures = 4000
const mostPieces = 4000
const maxFrames = 32
/** One of this many is held out. */
const heldOutOf = 10

const endings = mediaTypes.flatMap((type) => type.endings)

/** What to read files as. */
export interface FileOptions {
  kind: 'image' | 'audio' | 'both'
  patch: number
  mels: number
  /** Of the order, and so of what is held out. */
  seed: number
  onFile?: (done: number, of: number) => void
}

/**
 * Reads every media file that is named. What cannot be decoded is left out and listed.
 *
 * @throws PolluxError when a path is not there, or there are fewer than two pictures or sounds of a kind that is asked for
 */
export async function readMaterial(given: readonly string[], options: FileOptions): Promise<Materials> {
  const paths = new Rng(options.seed).shuffle([...new Set((await Promise.all(given.map(listFiles))).flat())])
  const rejects: Materials['rejects'] = []
  const pictures: Picture[] = []
  const sounds: Sound[] = []
  for (const [i, path] of paths.entries()) {
    if (isFull(pictures, sounds, options.kind)) break
    options.onFile?.(i, paths.length)
    try {
      const bytes = await readFile(path)
      if (isOther(bytes, options.kind)) continue
      const media = await decodeMedia(bytes, { clip: { maxFrames, size: longestSide } })
      if (options.kind !== 'audio') pictures.push(...(await picturesOf(media, options.patch)))
      if (options.kind !== 'image') sounds.push(...soundsOf(media))
    } catch (error) {
      rejects.push({ path, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  const from = given.join(', ')
  const hint = rejects.length > 0 ? `${rejects[0].path}: ${rejects[0].reason}` : 'is this the right folder?'
  const wanted = { image: options.kind === 'image', audio: options.kind === 'audio' }
  const image = enough(pictures, 'pictures', wanted.image, { from, hint })
  const audio = enough(sounds, 'sounds', wanted.audio, { from, hint })
  if (!image && !audio)
    throw new PolluxError(`media-tokenizer: must find pictures or sounds, got none in ${from}`, { hint })
  return {
    rejects,
    ...(image && {
      image: pictureMaterial(split(pictures, options.seed), options.patch, `${pictures.length} pictures of ${from}`),
    }),
    ...(audio && {
      audio: soundMaterial(split(sounds, options.seed), options.mels, `${sounds.length} sounds of ${from}`),
    }),
  }
}

/** A sound where pictures are asked for, or the other way round: not worth decoding. */
function isOther(bytes: Uint8Array, kind: FileOptions['kind']): boolean {
  const found = sniff(bytes)?.kind
  return (kind === 'image' && found === 'sound') || (kind === 'audio' && found === 'picture')
}

function isFull(pictures: Picture[], sounds: Sound[], kind: FileOptions['kind']): boolean {
  return (kind === 'audio' || pictures.length >= mostPictures) && (kind === 'image' || sounds.length >= mostPieces)
}

/** Whether there are two: one to train on, one to hold out. */
function enough(
  items: unknown[],
  name: string,
  wanted: boolean,
  { from, hint }: { from: string; hint: string },
): boolean {
  if (items.length >= 2) return true
  if (wanted || items.length === 1)
    throw new PolluxError(`media-tokenizer: must have at least 2 ${name}, got ${items.length} in ${from}`, {
      hint: wanted ? hint : '--kind image or --kind audio trains one kind alone',
    })
  return false
}

/** Shuffled, so that pieces of one file come on both sides. */
function split<T>(items: T[], seed: number): { train: T[]; heldOut: T[] } {
  const count = Math.min(mostHeldOut, Math.ceil(items.length / heldOutOf))
  const order = new Rng(seed).shuffle([...items])
  return { train: order.slice(count), heldOut: order.slice(0, count) }
}

/** A picture, or the frames of a clip, no larger than `longestSide` and cut to whole patches. */
async function picturesOf(media: Media, patch: number): Promise<Picture[]> {
  if ('sound' in media) return []
  const pictures = 'picture' in media ? [media.picture] : framesOf(media.clip)
  return await Promise.all(pictures.map((picture) => fit(picture, patch)))
}

function framesOf(clip: Clip): Picture[] {
  return clip.frames.map(({ picture }) => picture)
}

async function fit(picture: Picture, patch: number): Promise<Picture> {
  const scale = Math.min(1, Math.max(longestSide, patch) / Math.max(picture.width, picture.height))
  const [width, height] = [picture.width, picture.height].map((side) => Math.floor((side * scale) / patch) * patch)
  if (width < patch || height < patch)
    throw new PolluxError(`must have at least ${patch}x${patch} pixels, got ${picture.width}x${picture.height}`)
  const size = [picture.width, picture.height].map((side) => Math.round(side * scale))
  const shrunk = scale < 1 ? await resizePicture(picture, size[0], size[1]) : picture
  return crop(shrunk, width, height)
}

/** The upper left corner. */
function crop({ width, data }: Picture, columns: number, rows: number): Picture {
  const out = new Uint8Array(columns * rows * 3)
  for (let y = 0; y < rows; y++) out.set(data.subarray(y * width * 3, (y * width + columns) * 3), y * columns * 3)
  return { width: columns, height: rows, data: out }
}

function soundsOf(media: Media): Sound[] {
  const sound = 'sound' in media ? media.sound : 'clip' in media ? media.clip.sound : undefined
  if (sound === undefined) return []
  const { samples } = sound.rate === soundRate ? sound : resample(sound, soundRate)
  const length = pieceSeconds * soundRate
  const pieces = Math.ceil(samples.length / length)
  return Array.from({ length: pieces }, (_, i) => ({
    rate: soundRate,
    samples: samples.slice(i * length, (i + 1) * length),
  }))
}

/** Files of a folder by their ending, a file whatever its name, or what a pattern matches. */
async function listFiles(given: string): Promise<string[]> {
  const there = await stat(given).catch(() => undefined)
  if (there?.isFile()) return [given]
  if (there?.isDirectory()) {
    const names = await readdir(given, { recursive: true, withFileTypes: true })
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    return files.filter((path) => endings.some((ending) => path.toLowerCase().endsWith(ending))).sort()
  }
  const matches = /[*?[\]{}]/.test(given) ? await Array.fromAsync(glob(given)) : []
  if (matches.length > 0) return matches.sort()
  throw new PolluxError(`media-tokenizer: --data must be a folder, a file or a pattern that matches, got ${given}`, {
    hint: 'quote a pattern, so that the shell leaves it whole',
  })
}
