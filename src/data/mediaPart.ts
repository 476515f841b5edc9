// A part of a document whose media are decoded: what the world generates and what files become.
import type { Clip, Picture, Sound } from '../media/index.ts'

/**
 * Text is predicted unless `target` is false. Media are read (soft tokens, nothing to predict) unless `target` is true:
 * then they are written, as the codes of a media tokenizer (docs/decisions/009).
 */
export type MediaPart =
  | { text: string; target?: boolean }
  | { picture: Picture; target?: boolean }
  | { sound: Sound; target?: boolean }
  | { clip: Clip }
