// Needles in a haystack: which facts of a long document a model can still give back, by depth and length.
//
//   length  1k  4k  32k
//   depth 0  ■   ■   □       every cell: exact answers of all that was asked with a needle at this depth
//     ...
//   depth 1  ■   ■   ■
//
// `single` is one needle in a document, so each depth is a document of its own; of `multiple` and `aggregated` all depths
// lie in one document, and are asked for one after the other at its end. Haystacks are held-out text; pairs of name and
// value are those that training never has. Kamradt 2023; Hsieh et al. 2024 (RULER).
import { type NeedleDocument, type NeedleKind, needleProbe, type NeedleSources, shortestProbe } from '../data/index.ts'
import { PolluxError } from '../util/index.ts'
import type { DocumentReader } from './likeliest.ts'

/** Exact answers of one cell of the grid. */
export interface NeedleCell {
  kind: NeedleKind
  length: number
  /** 0: the beginning of the haystack, 1: its end. */
  depth: number
  right: number
  asked: number
}

export interface NeedleMistake extends Pick<NeedleCell, 'kind' | 'length' | 'depth'> {
  name: string
  values: string[]
  /** What the model would have said, token for token after the true ones. */
  answer: Int32Array
}

export interface NeedleScores {
  cells: NeedleCell[]
  mistakes: NeedleMistake[]
}

export interface NeedleOptions {
  seed: number
  kinds: readonly NeedleKind[]
  /** Tokens of the documents, questions included. */
  lengths: readonly number[]
  /** Number of depths, evenly from 0 to 1. */
  depths: number
  /** Questions a cell. Default 1. */
  samples?: number
  /** Called after each document. */
  onProgress?: (done: { kind: NeedleKind; length: number; tokens: number; ofTokens: number }) => void
}

/** `count` depths from 0 to 1; a single one is in the middle. */
export function needleDepths(count: number): number[] {
  return count === 1 ? [0.5] : Array.from({ length: count }, (_, i) => i / (count - 1))
}

/**
 * Asks about every cell of the grid; the event loop runs between documents.
 *
 * @throws PolluxError for a length that the model cannot read, or that has no room for the needles
 */
export async function needleGrid(
  reader: DocumentReader,
  sources: NeedleSources,
  options: NeedleOptions,
): Promise<NeedleScores> {
  const depths = needleDepths(options.depths)
  checkLengths(reader, sources, options)
  const jobs = jobsOf(options, depths)
  const ofTokens = jobs.reduce((sum, { length }) => sum + length, 0)
  const scores: NeedleScores = { cells: [], mistakes: [] }
  let tokens = 0
  for (const { kind, length, depths, index } of jobs) {
    const document = needleProbe(sources, { seed: options.seed, index, length, kind, depths })
    judge(reader, document, { kind, length, scores })
    tokens += length
    options.onProgress?.({ kind, length, tokens, ofTokens })
    await new Promise((resolve) => setImmediate(resolve))
  }
  return scores
}

/** Facts that one document asks about at most: names are few, and trails take three. */
const mostAsked: Record<NeedleKind, number> = { single: 1, multiple: 24, aggregated: 12 }

/** Documents to read: all kinds at all depths; short lengths first, so that something is to be seen soon. */
function jobsOf({ kinds, lengths, samples = 1 }: NeedleOptions, depths: number[]) {
  return [...lengths]
    .sort((a, b) => a - b)
    .flatMap((length) =>
      kinds.flatMap((kind) => {
        const parts = chunks(depths, mostAsked[kind])
        return Array.from({ length: samples * parts.length }, (_, index) => ({
          kind,
          length,
          index,
          depths: parts[index % parts.length],
        }))
      }),
    )
}

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

function judge(
  reader: DocumentReader,
  { ids, asked }: NeedleDocument,
  { kind, length, scores }: { kind: NeedleKind; length: number; scores: NeedleScores },
): void {
  const places = asked.flatMap(({ answerAt, fact }) => Array.from(fact.answer, (_, i) => answerAt + i))
  const said = reader.likeliest(ids, Int32Array.from(places))
  let at = 0
  for (const { fact, depths } of asked) {
    const answer = said.slice(at, (at += fact.answer.length))
    const right = fact.answer.every((id, i) => id === answer[i])
    const cell = cellOf(scores.cells, { kind, length, depth: depths[0] })
    cell.asked++
    if (right) cell.right++
    else scores.mistakes.push({ kind, length, depth: depths[0], name: fact.name, values: fact.values, answer })
  }
}

function cellOf(
  cells: NeedleCell[],
  { kind, length, depth }: Pick<NeedleCell, 'kind' | 'length' | 'depth'>,
): NeedleCell {
  let cell = cells.find((each) => each.kind === kind && each.length === length && each.depth === depth)
  if (!cell) cells.push((cell = { kind, length, depth, right: 0, asked: 0 }))
  return cell
}

function checkLengths(
  { longest }: DocumentReader,
  { writer }: NeedleSources,
  { lengths, depths, kinds }: NeedleOptions,
): void {
  const shortest = Math.max(...kinds.map((kind) => shortestProbe(writer, kind, Math.min(depths, mostAsked[kind]))))
  for (const length of lengths) {
    if (length > longest) {
      throw new PolluxError(
        `needles: length must be at most ${longest} tokens (max_position_embeddings), got ${length}`,
        { hint: `npx pollux lengthen --context ${length} makes the model read that far` },
      )
    }
    if (length < shortest) {
      throw new PolluxError(`needles: length must be at least ${shortest} for ${depths} depths, got ${length}`, {
        hint: 'ask for longer --lengths, fewer --depths, or fewer --kinds',
      })
    }
  }
}

/** Share of exact answers over cells. */
export function needleAccuracy(cells: readonly NeedleCell[]): number {
  const sum = (field: 'right' | 'asked'): number => cells.reduce((total, cell) => total + cell[field], 0)
  return sum('right') / sum('asked')
}
