// ---- stand-ins ----
export { ByteTokenizer } from './byteTokenizer.ts'

// ---- files ----
export { tempFolder } from './tempFolder.ts'
export type { TempFolder } from './tempFolder.ts'
