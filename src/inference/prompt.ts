// A prompt as a model takes it: rows of a batch, whole or cut into chunks. Ids in, with pictures and sound as features.
//
// A chunk never ends inside a picture or a sound: an image block sees itself both ways, and towers take media whole.
import type { MultimodalInput } from '../model/index.ts'

/** Soft tokens of a prompt: `count` placeholders from place `start` on, with their features [count, F]. */
export interface SoftSpan {
  start: number
  count: number
  features: Float32Array
  /** Pictures: [count, 2] x, y. */
  positions?: Int32Array
}

export interface Prompt {
  /** At least one id; placeholders included. */
  ids: Int32Array
  /** Last place of the image block that each place belongs to; default none. */
  blockEnd?: Int32Array
  pictures?: SoftSpan[]
  sounds?: SoftSpan[]
}

/** Prompts, each followed by what was drawn for it, as rows of `time` places; what is behind a row's end is padding. */
export function joinRows(rows: (readonly [Prompt, readonly number[]])[], time: number): MultimodalInput {
  const ids = new Int32Array(rows.length * time)
  const blockEnd = Int32Array.from(ids, (_, row) => row % time)
  rows.forEach(([prompt, drawn], row) => {
    ids.set(prompt.ids, row * time)
    ids.set(drawn, row * time + prompt.ids.length)
    if (prompt.blockEnd) blockEnd.set(prompt.blockEnd, row * time)
  })
  const spans = (kind: 'pictures' | 'sounds') =>
    rows.flatMap(([prompt], row) => (prompt[kind] ?? []).map((span) => ({ ...span, start: row * time + span.start })))
  const [pictures, sounds] = [spans('pictures'), spans('sounds')]
  return {
    ...{ ids, blockEnd, batch: rows.length, time },
    ...(pictures.length > 0 ? { pictures: { ...joinSpans(pictures), positions: joinPositions(pictures) } } : {}),
    ...(sounds.length > 0 ? { sounds: joinSpans(sounds) } : {}),
  }
}

function joinSpans(spans: SoftSpan[]): { rows: Int32Array; features: Float32Array } {
  const features = new Float32Array(spans.reduce((sum, span) => sum + span.features.length, 0))
  const rows: number[] = []
  let at = 0
  for (const span of spans) {
    features.set(span.features, at)
    at += span.features.length
    for (let i = 0; i < span.count; i++) rows.push(span.start + i)
  }
  return { rows: Int32Array.from(rows), features }
}

function joinPositions(spans: SoftSpan[]): Int32Array {
  return Int32Array.from(spans.flatMap(({ positions, count }) => [...(positions ?? new Int32Array(2 * count))]))
}

/** Consecutive parts of a prompt, `size` places each, or more where one would end inside a picture or a sound. */
export function* promptChunks(prompt: Prompt, size: number): Generator<Prompt> {
  for (let start = 0; start < prompt.ids.length;) {
    const end = chunkEnd(prompt, Math.min(start + size, prompt.ids.length))
    const part = (spans?: SoftSpan[]) =>
      spans
        ?.filter((span) => span.start >= start && span.start < end)
        .map((span) => ({ ...span, start: span.start - start }))
    yield {
      ids: prompt.ids.subarray(start, end),
      blockEnd: prompt.blockEnd?.slice(start, end).map((place) => place - start),
      pictures: part(prompt.pictures),
      sounds: part(prompt.sounds),
    }
    start = end
  }
}

/** The next place from `end` on where nothing is cut. */
function chunkEnd({ ids, blockEnd, pictures = [], sounds = [] }: Prompt, end: number): number {
  const spans = [...pictures, ...sounds]
  for (let next = end; ;) {
    if (blockEnd && next < ids.length) next = Math.max(next, blockEnd[next - 1] + 1)
    for (const { start, count } of spans) if (start < next && next < start + count) next = start + count
    if (next === end) return end
    end = next
  }
}
