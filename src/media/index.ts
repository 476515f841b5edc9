// ---- what decoded media are ----
export type { Clip, Picture, Sound } from './types.ts'
