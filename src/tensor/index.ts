// ---- tensors ----
export { bytesPerElement, type Dtype, roundToBf16, type TypedArray, widenBf16 } from './dtype.ts'
export { Tensor, type TensorOptions } from './tensor.ts'
export { empty, fromArray, full, ones, zeros } from './create.ts'
export { type Frozen, type PackKind, Parameter } from './parameter.ts'

// ---- memory ----
export { memoryPool, type PoolStats } from './pool.ts'
export { type MemoryScope, memoryScope } from './scope.ts'

// ---- gradients ----
export { checkpoint } from './checkpoint.ts'
export { currentTape, isRecording, record, Tape, type TapeEntry, withoutTape } from './tape.ts'
export { addGradient, gradientOf, gradientTarget, takeGradient, writeGradient } from './gradient.ts'
