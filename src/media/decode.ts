// Any media file as what it is: the one door for callers that have bytes and do not know of what.
import { PolluxError } from '../util/index.ts'
import { readMovie, type ClipOptions } from './clip.ts'
import { inspectMp4 } from './containers.ts'
import { readPicture, type PictureOptions } from './picture.ts'
import { describeUnknown, mediaTypes, sniff } from './sniff.ts'
import { readSound, type SoundOptions } from './sound.ts'
import type { Clip, Picture, Sound } from './types.ts'

/** A decoded file. */
export type Media = { picture: Picture } | { sound: Sound } | { clip: Clip }

/** Settings by kind; the limits are those of the readers: 100 million pixels, one hour of sound, ten minutes of video. */
export interface MediaOptions {
  picture?: PictureOptions
  sound?: SoundOptions
  clip?: ClipOptions
}

/**
 * Decodes a file by its first bytes. Throws PolluxError that says what is wrong with it; the caller adds the file's name. A damaged, cut,
 * empty or oversized file is an error, never a blank. An mp4 or webm without pictures is a sound.
 */
export async function decodeMedia(bytes: Uint8Array, options: MediaOptions = {}): Promise<Media> {
  const type = sniff(bytes)
  if (type === undefined) {
    const known = mediaTypes.map(({ format }) => format)
    throw new PolluxError(
      `decodeMedia: must be ${known.slice(0, -1).join(', ')} or ${known.at(-1)}, got ${describeUnknown(bytes)}`,
    )
  }
  if (type.kind === 'picture') return { picture: await readPicture(bytes, options.picture) }
  // sound in an mp4 needs no ffmpeg
  const isSound = type.kind === 'sound' || (type.format === 'mp4' && !inspectMp4(bytes).hasVideo)
  if (isSound) return { sound: await readSound(bytes, options.sound) }
  const { frames, sound, duration } = await readMovie(bytes, options.clip)
  if (frames.length > 0) return { clip: { frames, ...(sound !== undefined && { sound }), duration } }
  if (sound === undefined) throw new PolluxError('decodeMedia: must have pictures or sound, got neither')
  return { sound }
}
