// Runs a model over units and keeps what its routers chose.
//
// A unit is a sequence of its own; those of like length are read together, so that little is padding. Padding stands after a
// unit: no token sees it, and it is left out of the sample.
import type { Model, MultimodalInput } from '../model/index.ts'
import { memoryScope } from '../tensor/index.ts'
import { PolluxError } from '../util/index.ts'
import { type RoutingSample, SampleWriter } from './routingSample.ts'
import type { RoutingUnit } from './routingUnits.ts'

export interface CollectOptions {
  domainNames: string[]
  /** Arithmetic of products. Default 'bf16'. */
  compute?: 'bf16' | 'f32'
  /** Rows of a batch at most, padding included (one unit may have more). Default 4096. */
  rows?: number
  onProgress?: (tokens: number, total: number) => void
}

/**
 * The choices of every router for every token of the units; the sample's units are the same in an order of their own.
 *
 * @throws PolluxError for a model without experts
 */
export async function collectRouting(
  model: Model,
  units: readonly RoutingUnit[],
  { domainNames, compute = 'bf16', rows = 4096, onProgress }: CollectOptions,
): Promise<RoutingSample> {
  const { enable_moe_block, num_experts, top_k_experts, num_hidden_layers } = model.textConfig
  if (!enable_moe_block) throw new PolluxError('routing: the model must have experts, got a dense one')
  const tokens = units.reduce((sum, { ids }) => sum + ids.length, 0)
  const shape = { experts: num_experts, topK: top_k_experts, layers: num_hidden_layers, tokens, domainNames }
  const writer = new SampleWriter(shape)
  let done = 0
  for (const group of likeLengths(units, rows)) {
    using _scope = memoryScope()
    const input = batchOf(group)
    const { routings } = model.forward(input, { compute })
    const choices = routings.map(({ indices }) => indices.ints)
    group.forEach((unit, slot) => writer.add(unit, choices, slot * input.time))
    done += group.reduce((sum, { ids }) => sum + ids.length, 0)
    onProgress?.(done, tokens)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return writer.sample
}

/** Units by length, cut into groups that make at most `rows` rows when padded. */
function likeLengths(units: readonly RoutingUnit[], rows: number): RoutingUnit[][] {
  const groups: RoutingUnit[][] = []
  for (const unit of units.toSorted((a, b) => a.ids.length - b.ids.length)) {
    const group = groups.at(-1)
    // the last one is the longest, so it tells the length of all
    if (group && (group.length + 1) * unit.ids.length <= rows) group.push(unit)
    else groups.push([unit])
  }
  return groups
}

/** Units as the sequences of a batch, padded behind. */
export function batchOf(units: readonly RoutingUnit[]): MultimodalInput {
  const time = Math.max(...units.map(({ ids }) => ids.length))
  const ids = new Int32Array(units.length * time)
  const blockEnd = Int32Array.from(ids, (_, row) => row % time)
  const [pictures, sounds] = [new MediaRows(), new MediaRows()]
  units.forEach((unit, slot) => {
    ids.set(unit.ids, slot * time)
    if (unit.blockEnd) blockEnd.set(unit.blockEnd, slot * time)
    for (const span of unit.pictures ?? []) pictures.add(slot * time + span.start, span)
    for (const span of unit.sounds ?? []) sounds.add(slot * time + span.start, span)
    // any token will do that stands for no media
    ids.fill(unit.ids[0], slot * time + unit.ids.length, (slot + 1) * time)
  })
  return {
    ...{ ids, batch: units.length, time, blockEnd },
    ...(pictures.rows.length > 0 ? { pictures: pictures.join() } : {}),
    ...(sounds.rows.length > 0 ? { sounds: sounds.join() } : {}),
  }
}

class MediaRows {
  readonly rows: number[] = []
  readonly #features: Float32Array[] = []
  readonly #positions: Int32Array[] = []

  add(start: number, span: { count: number; features: Float32Array; positions?: Int32Array }): void {
    for (let i = 0; i < span.count; i++) this.rows.push(start + i)
    this.#features.push(span.features)
    if (span.positions) this.#positions.push(span.positions)
  }

  join() {
    const features = new Float32Array(this.#features.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of this.#features) {
      features.set(part, at)
      at += part.length
    }
    const positions = Int32Array.from(this.#positions.flatMap((part) => [...part]))
    return { rows: Int32Array.from(this.rows), features, positions }
  }
}
