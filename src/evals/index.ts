// ---- asking ----
export { type AskOptions, askPictures, askSounds, askText, type MediaAsker } from './mediaAsker.ts'
// ---- the generated world ----
export {
  defaultWorldItems,
  evalWorld,
  type KindScore,
  type WorldEvalOptions,
  type WorldMistake,
  type WorldSample,
  type WorldScores,
} from './world.ts'
