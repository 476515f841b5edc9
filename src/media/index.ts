// ---- what decoded media are ----
export type { Clip, Picture, Sound } from './types.ts'

// ---- how much of a model's context they take ----
export {
  fitToBudget,
  pictureBudgets,
  samplesPerToken,
  soundRate,
  soundTokens,
  timestamp,
  type PictureBudget,
} from './budget.ts'

// ---- files as media ----
export { describeUnknown, mediaTypes, sniff, type MediaFormat, type MediaType } from './sniff.ts'
export { preparePicture, readPicture, type PictureOptions } from './picture.ts'
export { readSound, type SoundOptions } from './sound.ts'
export { readClip, type ClipOptions } from './clip.ts'
export { findFfmpeg } from './ffmpeg.ts'
export { decodeMedia, type Media, type MediaOptions } from './decode.ts'

// ---- pictures as arrays ----
export { patchify, unpatchify, type Patches } from './patches.ts'
export { resizePicture } from './resize.ts'
export { encodePng, gallery } from './png.ts'

// ---- sounds as arrays ----
export { resample } from './resample.ts'
export {
  logMel,
  normaliseLogMel,
  restoreLogMel,
  soundFrames,
  type SoundFeatures,
  type SoundFrames,
} from './spectrum.ts'
export { invertLogMel, type InvertOptions } from './griffinLim.ts'
export { decodeWav, encodeWav } from './wav.ts'
