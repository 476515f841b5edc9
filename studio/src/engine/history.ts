// Rates from counters that only grow: what came between two looks at the engine.
import type { EngineView } from '../api/studio.ts'

export interface Sample {
  at: number
  running: number
  waiting: number
  batch: number
  /** Tokens a second; null where it is not known. */
  output: number | null
  prompt: number | null
  /** Bytes in use, and with what is kept. */
  used: number
  held: number
}

/** @param before the look before; an engine that was started anew since has no rates */
export function sampleOf(before: EngineView | undefined, view: EngineView): Sample {
  const rate = (key: 'output' | 'prompt'): number | null => {
    if (before === undefined || view.at <= before.at) return null
    const grown = view.tokens[key] - before.tokens[key]
    return grown < 0 ? null : grown / ((view.at - before.at) / 1000)
  }
  const { at, running, waiting, batch, pages } = view
  return {
    ...{ at, running, waiting, batch },
    output: rate('output'),
    prompt: rate('prompt'),
    used: pages.used,
    held: pages.used + pages.kept,
  }
}
