// What a decoded document is made of: text, and media as arrays of numbers, in reading order.
//
// Text is predicted unless `target` is false (a question, say); media are read unless `target` is true: then they are
// written as codes and predicted. See docs/decisions/009-media-in-the-trunk.md.
import type { Clip, Picture, Sound } from '../media/index.ts'

/** A piece of a decoded document. */
export type MediaPart =
  | { text: string; target?: boolean }
  | { picture: Picture; target?: boolean }
  | { sound: Sound; target?: boolean }
  | { clip: Clip; target?: boolean }
