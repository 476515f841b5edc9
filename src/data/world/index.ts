// ---- the generated world: documents and questions with exact answers ----
export { worldDocument, worldQuestions } from './document.ts'
export type { WorldMixture } from './document.ts'
export { worldTasks } from './types.ts'
export type { WorldQuestion, WorldSplit, WorldTask, WorldTruth } from './types.ts'
export type { Cell, Color, Relation, Scene, SceneObject, Shape, Size } from './scene.ts'
export type { ClipPlan, ClipSound, Motion } from './clipTask.ts'
export { renderScene } from './render.ts'

// ---- checkers of what a model draws and plays ----
export type { Wanted, WantedObject } from './wanted.ts'
export { readScene } from './readScene.ts'
export type { FoundObject } from './readScene.ts'
export { judgeScene } from './judgeScene.ts'
export { readSaid, readTones } from './readSound.ts'
