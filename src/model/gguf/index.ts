export { exportGguf, type GgufOptions } from './exportGguf.ts'
export {
  GgufError,
  type GgufPlain,
  type GgufTensorType,
  type GgufValue,
  storableTypes,
  type StorableType,
} from './format.ts'
export { type GgufReader, type GgufTensorInfo, openGguf } from './reader.ts'
export { patternIsExact } from './vocabulary.ts'
export { type GgufTensor, writeGguf } from './writer.ts'
