// The tokenizer's part of the addon (native/tokenizer/binding.cc): trainers and encoders are named by number.
//
// Sizes are trusted; src/tokenizer checks them. `pattern` is the code that src/tokenizer/pattern.ts packs.

/** Native byte-level BPE. */
export interface TokenizerKernels {
  /** A new trainer; bpeTrainerFree ends it. */
  bpeTrainer(pattern: number): number
  bpeTrainerFree(trainer: number): void
  /** Adds the first n bytes as one document. */
  bpeAddText(trainer: number, bytes: Uint8Array, n: number): void
  /** Adds chunks cut by the caller: chunk i ends at byte ends[i]. */
  bpeAddChunks(trainer: number, bytes: Uint8Array, ends: Uint32Array, count: number): void
  /** Learns up to `wanted` merges into merges [wanted, 2]; returns how many, or -1 for too much text. */
  bpeTrain(
    trainer: number,
    wanted: number,
    banned: Uint8Array,
    bannedEnds: Uint32Array,
    numBanned: number,
    merges: Int32Array,
  ): number

  /** A new encoder: ids of the 256 bytes, merges [count, 3] of left, right, result. */
  bpeEncoder(byteIds: Int32Array, merges: Int32Array, count: number, pattern: number): number
  bpeEncoderFree(encoder: number): void
  /** Encodes; returns the number of ids, which bpeResult then hands out. */
  bpeEncode(encoder: number, bytes: Uint8Array, n: number): number
  bpeEncodeChunks(encoder: number, bytes: Uint8Array, ends: Uint32Array, count: number): number
  bpeResult(encoder: number, ids: Int32Array): void

  /** Ends of the chunks of n bytes, into ends [n]; returns how many. */
  bpeSplit(pattern: number, bytes: Uint8Array, n: number, ends: Uint32Array): number
}
