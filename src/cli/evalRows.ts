// `pollux eval --data`: rows of parts whose last text is the answer, asked of a model, beside nearest neighbours.
//
// The baseline answers with the label of the nearest training row: of pictures the nearest in pixels, of sounds the nearest in
// log-mel rows brought to one length; the best of k = 1, 3, 5 counts, so that the model is held against the baseline's best.
import { type CorpusDocument, MediaReader, Ledger, type MediaPart, openCorpus } from '../data/index.ts'
import { askText } from '../evals/index.ts'
import { type Picture, resizePicture, type Sound, soundFrames } from '../media/index.ts'
import { PolluxError } from '../util/index.ts'
import type { EvalFlags } from './eval.ts'
import { percent } from './format.ts'
import { printJson } from './json.ts'
import type { MediaModel } from './mediaModel.ts'
import { rootOf } from './prepareMedia.ts'
import { startStage } from './progress.ts'
import type { Run } from './runFolder.ts'
import type { Terminal } from './terminal.ts'

interface Row {
  prompt: MediaPart[]
  answer: string
}

/** Asks for the last text of each row. */
export async function evalRows({
  flags,
  run,
  asker,
  terminal,
}: {
  flags: EvalFlags
  run: Run
  asker: MediaModel
  terminal: Terminal
}): Promise<void> {
  const rows = await readRows(flags.data ?? [])
  const stage = startStage(terminal, 'asking')
  const answers = await askText(
    asker,
    rows.map(({ prompt }) => prompt),
    {
      onProgress: (done, total) => stage.update(`${done} of ${total}`),
    },
  )
  const right = rows.filter(({ answer }, i) => answers[i].trim() === answer).length
  stage.done(`${rows.length} rows`)
  const baseline = flags.neighbours === undefined ? null : await neighbours(await readRows([flags.neighbours]), rows)
  if (flags.json) {
    printJson({
      event: 'done',
      run: run.name,
      right,
      asked: rows.length,
      accuracy: right / rows.length,
      neighbours: baseline?.accuracy ?? null,
    })
    return
  }
  terminal.line(
    `  ${'model'.padEnd(24)} ${terminal.paint('bold', percent(right / rows.length).padStart(6))}  ${right} of ${rows.length}`,
  )
  if (!baseline) return
  terminal.line(`  ${`nearest neighbours (k=${baseline.k})`.padEnd(24)} ${percent(baseline.accuracy).padStart(6)}`)
}

/** Rows with decoded media. @throws PolluxError when a row cannot be read or has no text at its end */
async function readRows(paths: string[]): Promise<Row[]> {
  const corpus = await openCorpus({ paths, media: true })
  const ledger = new Ledger()
  const reader = new MediaReader({ ledger, rootOf })
  const rows: Row[] = []
  for (const document of corpus.documents) {
    const parts = await reader.read(document)
    if (parts !== null) rows.push(splitRow(parts, document))
  }
  const [first] = ledger.rejected
  if (first) throw new PolluxError(`eval: rows must be readable, got ${first.path}: ${first.reason}`)
  return rows
}

function splitRow(parts: MediaPart[], { provenance: { path, row } }: CorpusDocument): Row {
  const last = parts.at(-1)
  if (!last || !('text' in last)) throw new PolluxError(`eval: ${path}:${row} must end in text, the answer`)
  return { prompt: parts.slice(0, -1), answer: last.text.trim() }
}

/** Side that pictures, and rows that sounds, are brought to for comparison. */
const [pictureSide, soundRows] = [28, 16]

async function neighbours(known: Row[], asked: Row[]): Promise<{ k: number; accuracy: number }> {
  const vectors = await Promise.all(known.map(({ prompt }) => vectorOf(prompt)))
  const nearest: Row[][] = []
  for (const { prompt } of asked) {
    const vector = await vectorOf(prompt)
    const order = vectors
      .map((other, i) => ({ i, distance: squaredDistance(vector, other) }))
      .sort((a, b) => a.distance - b.distance)
    nearest.push(order.slice(0, 5).map(({ i }) => known[i]))
  }
  const scores = [1, 3, 5].map((k) => {
    const right = asked.filter(({ answer }, i) => vote(nearest[i].slice(0, k)) === answer).length
    return { k, accuracy: right / asked.length }
  })
  return scores.reduce((best, score) => (score.accuracy > best.accuracy ? score : best))
}

/** The answer that most of them have, the nearest first among equals. */
function vote(rows: Row[]): string {
  const votes = new Map<string, number>()
  for (const { answer } of rows) votes.set(answer, (votes.get(answer) ?? 0) + 1)
  return [...votes].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0]
}

async function vectorOf(prompt: MediaPart[]): Promise<Float32Array> {
  for (const part of prompt) {
    if ('picture' in part) return pictureVector(part.picture)
    if ('sound' in part) return soundVector(part.sound)
  }
  throw new PolluxError('eval: --neighbours must have a picture or a sound in each row, got one without')
}

async function pictureVector(picture: Picture): Promise<Float32Array> {
  const small = await resizePicture(picture, pictureSide, pictureSide)
  return Float32Array.from(small.data, (value) => value / 255)
}

function soundVector(sound: Sound): Float32Array {
  const { frames, count, dim } = soundFrames(sound, { features: 'log_mel', mels: 32 })
  const vector = new Float32Array(soundRows * dim)
  for (let row = 0; row < soundRows; row++) {
    const from = Math.min(count - 1, Math.floor((row * count) / soundRows))
    vector.set(frames.subarray(from * dim, (from + 1) * dim), row * dim)
  }
  return vector
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2
  return sum
}
