// The record of routing as the page draws it: training cut into some stretches, loads as one byte an expert.
import type { RoutingRecordStep } from '../../train/index.ts'
import { relativeLoad } from './heatMap.ts'

/** A byte says log2 of load over mean from -8 to +8 in 255 steps; 0 no load at all. */
const [steps, reach] = [254, 8]

export interface RoutingSeries {
  /** Last step of each stretch. */
  step: number[]
  /** Base64 of bytes [layers, stretches, experts]. */
  load: string
  /** Means over a stretch, [layers][stretches]; null where a figure was not known. */
  maxVio: (number | null)[][]
  entropy: (number | null)[][]
  rowEntropy: (number | null)[][]
  margin: (number | null)[][]
  dead: (number | null)[][]
  dropped: (number | null)[][]
}

const figures = ['maxVio', 'entropy', 'rowEntropy', 'margin', 'dead', 'dropped'] as const

/** Null without a record. Steps of another shape than the first one are left out. */
export function routingSeries(record: readonly RoutingRecordStep[], stretches = 160): RoutingSeries | null {
  if (record.length === 0) return null
  const shapeOf = ({ layers }: RoutingRecordStep): string => layers.map(({ load }) => load.length).join()
  const known = record.filter((step) => shapeOf(step) === shapeOf(record[0]))
  const n = Math.min(stretches, known.length)
  const parts = Array.from({ length: n }, (_, i) =>
    known.slice(Math.floor((i * known.length) / n), Math.floor(((i + 1) * known.length) / n)),
  )
  const layers = record[0].layers.map((_, layer) => layer)
  const bytes = layers.flatMap((layer) => parts.flatMap((part) => loadBytes(part, layer)))
  const curves = figures.map((figure) => [
    figure,
    layers.map((layer) => parts.map((part) => mean(part.map((step) => step.layers[layer][figure])))),
  ])
  const step = parts.map((part) => part.at(-1)!.step)
  return { step, load: Buffer.from(bytes).toString('base64'), ...Object.fromEntries(curves) } as RoutingSeries
}

function loadBytes(part: RoutingRecordStep[], layer: number): number[] {
  const sums = part[0].layers[layer].load.map((_, e) => part.reduce((sum, step) => sum + step.layers[layer].load[e], 0))
  return relativeLoad(sums).map(loadByte)
}

/** The byte of a load over the mean; page.js reads it back. */
export function loadByte(load: number): number {
  if (!(load > 0)) return 0
  const share = (Math.log2(load) + reach) / (2 * reach)
  return 1 + Math.round(steps * Math.min(1, Math.max(0, share)))
}

function mean(values: number[]): number | null {
  const known = values.filter(Number.isFinite)
  return known.length > 0 ? Number((known.reduce((sum, x) => sum + x, 0) / known.length).toPrecision(4)) : null
}
