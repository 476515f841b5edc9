export { codeCount, type FsqConfig, fsqDefaults, type MediaKind, parseFsqConfig } from './config.ts'
export { type FsqRequest, FsqTokenizer } from './tokenizer.ts'
export {
  loadMediaTokenizers,
  MediaTokenizerError,
  mediaTokenizerFolder,
  type MediaTokenizers,
  saveMediaTokenizers,
} from './files.ts'
