// ---- weights: roles, initial values ----
export { type InitOptions, initialise } from './init.ts'
export type { MatrixPart, Role, Weight } from './weight.ts'
// ---- modules ----
export {
  Attention,
  type AttentionContext,
  type AttentionResult,
  type AttentionShape,
  type KeyValues,
  type LayerMemory,
} from './attention.ts'
export { Experts } from './experts.ts'
export { Mlp } from './mlp.ts'
export { Norm } from './norm.ts'
export { ropeAngles, type RopeOptions, ropeRows, type RopeTable, ropeTable, type RopeTurn } from './rope.ts'
export {
  type Router,
  type RouterTraining,
  type Routing,
  type RoutingPass,
  TopKRouter,
  type TopKRouterOptions,
} from './router.ts'
export type { RouterBuffer } from './routerBalance.ts'
export { defaultRouting, type RoutingConfig, routingWords } from './routingConfig.ts'
export { PerLayerGate, PerLayerInputs } from './perLayer.ts'
export { constantWeight, fusedWeight, matrixWeight, positionsWeight, vectorWeight } from './weight.ts'
// ---- optimisers ----
export { clipFactor, globalNorm } from './optim/clip.ts'
export { Optimizer, type OptimizerOptions, type Update } from './optim/optimizer.ts'
export { learningRateFactor, type ScheduleOptions } from './optim/schedule.ts'
