export { codeCount, type FsqConfig, fsqDefaults, type MediaKind, parseFsqConfig } from './config.ts'
export { type FsqRequest, FsqTokenizer } from './tokenizer.ts'
export {
  loadMediaTokenizers,
  MediaTokenizerError,
  mediaTokenizerFolder,
  type MediaTokenizers,
  saveMediaTokenizer,
  saveMediaTokenizers,
} from './files.ts'
export { decodePicture, decodeSound, encodePicture, encodeSound, patchSizeOf, type PictureCodes } from './media.ts'
