// Trains a tokenizer on texts; the work is native (native/tokenizer/trainer.h).
import { kernels } from '../native/index.ts'
import { PolluxError } from '../util/index.ts'
import { utf8, utf8Scratch } from './bytes.ts'
import { checkPortable, chunksOfText, compilePattern, DEFAULT_PATTERN, type Pattern } from './pattern.ts'
import { checkSpecialTokens, DEFAULT_SPECIAL_TOKENS } from './special.ts'
import { Tokenizer } from './tokenizer.ts'

/** Options of trainTokenizer. */
export interface TrainOptions {
  /** Tokens in all: specials + 256 bytes + merges. Fewer come out when the text has too few repeated pairs. */
  vocabSize: number
  /** Special tokens, which get the ids from 0 on. Default: DEFAULT_SPECIAL_TOKENS. */
  specialTokens?: readonly string[]
  /** Split pattern. Default: DEFAULT_PATTERN. */
  pattern?: string | RegExp
}

/** Largest vocabulary; the widest published ones have about a quarter of a million tokens. */
export const LARGEST_VOCABULARY: number = 1 << 22
const OP = 'trainTokenizer'

function checkOptions({ vocabSize, specialTokens = DEFAULT_SPECIAL_TOKENS, pattern = DEFAULT_PATTERN }: TrainOptions) {
  checkSpecialTokens(OP, specialTokens)
  const least = 256 + specialTokens.length
  if (!Number.isInteger(vocabSize) || vocabSize < least || vocabSize > LARGEST_VOCABULARY) {
    throw new PolluxError(
      `${OP}: vocabSize must be a whole number from ${least} (256 bytes and ${specialTokens.length} special tokens) ` +
        `to ${LARGEST_VOCABULARY}, got ${vocabSize}`,
    )
  }
  const split = compilePattern(OP, pattern)
  checkPortable(OP, split.source)
  return { split, specialTokens, numMerges: vocabSize - least }
}

/**
 * Trains byte-level BPE on `texts`, one string a document. The result depends on texts and options only: not on the
 * number of threads, nor on the order of the documents.
 * @throws PolluxError for options it cannot use, or when there is no text at all.
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainOptions,
): Promise<Tokenizer> {
  const { split, specialTokens, numMerges } = checkOptions(options)
  const trainer = kernels.bpeTrainer(split.code ?? 0)
  try {
    await addTexts(trainer, split, texts)
    return build(specialTokens, learn(trainer, numMerges, specialTokens), split.source)
  } finally {
    kernels.bpeTrainerFree(trainer)
  }
}

async function addTexts(trainer: number, split: Pattern, texts: Iterable<string> | AsyncIterable<string>) {
  let characters = 0
  for await (const text of texts) {
    if (typeof text !== 'string') throw new TypeError(`${OP}: texts must be strings, got ${typeof text}`)
    characters += text.length
    if (split.code !== undefined) {
      const bytes = utf8Scratch(text)
      kernels.bpeAddText(trainer, bytes, bytes.length)
    } else {
      const { bytes, ends } = chunksOfText(split, text)
      kernels.bpeAddChunks(trainer, bytes, ends, ends.length)
    }
  }
  if (characters === 0) throw new PolluxError(`${OP}: needs some text, got none`)
}

/** Merges [M, 2] in ids where the bytes are 0 .. 255. A merge that would spell a special token is left out. */
function learn(trainer: number, numMerges: number, specialTokens: readonly string[]): Int32Array {
  const banned = specialTokens.map(utf8)
  const ends = new Uint32Array(banned.length)
  banned.reduce((end, bytes, i) => {
    ends[i] = end + bytes.length
    return ends[i]
  }, 0)
  const merges = new Int32Array(numMerges * 2)
  const count = kernels.bpeTrain(trainer, numMerges, new Uint8Array(Buffer.concat(banned)), ends, banned.length, merges)
  if (count < 0) throw new PolluxError(`${OP}: takes at most 4 GB of distinct chunks; train on a part of the texts`)
  return merges.subarray(0, count * 2)
}

function build(specialTokens: readonly string[], learnt: Int32Array, pattern: string): Tokenizer {
  const firstByte = specialTokens.length
  const tokens = specialTokens.map(utf8)
  for (let byte = 0; byte < 256; byte++) tokens.push(Uint8Array.of(byte))
  const merges = new Int32Array((learnt.length / 2) * 3)
  for (let i = 0; i < learnt.length / 2; i++) {
    const left = firstByte + learnt[2 * i]
    const right = firstByte + learnt[2 * i + 1]
    merges.set([left, right, tokens.length], i * 3)
    tokens.push(joined(tokens[left], tokens[right]))
  }
  return new Tokenizer({
    tokens,
    merges,
    specialTokens: new Map(specialTokens.map((token, id) => [token, id])),
    pattern,
  })
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(left.length + right.length)
  bytes.set(left)
  bytes.set(right, left.length)
  return bytes
}
