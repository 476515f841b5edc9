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
  const media = joinMedia(
    rows.map(([prompt]) => prompt),
    rows.map((_, row) => row * time),
  )
  return { ...{ ids, blockEnd, batch: rows.length, time }, ...media }
}

/** Parts of prompts one behind another: their ids, and their media at the rows that they have so. */
export function joinParts(parts: readonly Prompt[]): Pick<MultimodalInput, 'ids' | 'pictures' | 'sounds'> {
  const starts: number[] = []
  let rows = 0
  for (const { ids } of parts) {
    starts.push(rows)
    rows += ids.length
  }
  const ids = new Int32Array(rows)
  parts.forEach((part, i) => {
    ids.set(part.ids, starts[i])
  })
  return { ids, ...joinMedia(parts, starts) }
}

/** The media of prompts that begin at rows `starts`. */
function joinMedia(
  prompts: readonly Prompt[],
  starts: readonly number[],
): Pick<MultimodalInput, 'pictures' | 'sounds'> {
  const spans = (kind: 'pictures' | 'sounds') =>
    prompts.flatMap((prompt, i) => (prompt[kind] ?? []).map((span) => ({ ...span, start: starts[i] + span.start })))
  const [pictures, sounds] = [spans('pictures'), spans('sounds')]
  return {
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

/**
 * Consecutive parts of a prompt, `size` places each at most, or more where one would end inside a picture or a sound. They
 * are about equal: a short one at the end would have the pool of tensors keep blocks of its sizes beside those of the others.
 */
export function* promptChunks(prompt: Prompt, size: number): Generator<Prompt> {
  for (let start = 0; start < prompt.ids.length;) {
    const left = prompt.ids.length - start
    const end = chunkEnd(prompt, start + Math.ceil(left / Math.ceil(left / size)))
    yield promptPart(prompt, start, end)
    start = end
  }
}

/** Places `start` to `end` of a prompt, which cut no picture and no sound. */
export function promptPart(prompt: Prompt, start: number, end: number): Prompt {
  const part = (spans?: SoftSpan[]) =>
    spans
      ?.filter((span) => span.start >= start && span.start < end)
      .map((span) => ({ ...span, start: span.start - start }))
  return {
    ids: prompt.ids.subarray(start, end),
    blockEnd: prompt.blockEnd?.slice(start, end).map((place) => place - start),
    pictures: part(prompt.pictures),
    sounds: part(prompt.sounds),
  }
}

/** The next place from `end` on where nothing is cut. */
export function chunkEnd({ ids, blockEnd, pictures = [], sounds = [] }: Prompt, end: number): number {
  const spans = [...pictures, ...sounds]
  for (let next = end; ;) {
    if (blockEnd && next < ids.length) next = Math.max(next, blockEnd[next - 1] + 1)
    for (const { start, count } of spans) if (start < next && next < start + count) next = start + count
    if (next === end) return end
    end = next
  }
}

/** The last place up to `place` where nothing is cut. */
export function cutBefore({ blockEnd, pictures = [], sounds = [] }: Prompt, place: number): number {
  const spans = [...pictures, ...sounds]
  for (let at = place; ;) {
    let next = at
    while (blockEnd && next > 0 && blockEnd[next - 1] >= next) next--
    for (const { start, count } of spans) if (start < next && next < start + count) next = start
    if (next === at) return at
    at = next
  }
}
