// A learning rate for each contestant: a short grid, which grows where its best value lies at an edge.
//
// A comparison at one rate favours whichever model that rate suits, so each gets its own, found with trainings much shorter
// than the real ones. Shorter trainings want higher rates, but they do so for every contestant alike.

/** What was tried, and the best of it. */
export interface Tuned {
  factor: number
  /** Sorted by factor. A training that diverged has Infinity. */
  tried: { factor: number; bitsPerByte: number }[]
}

/** Values added beyond an edge at most, per side. */
const mostExtensions = 2

/**
 * Tries factors on the learning rate.
 *
 * @param grid at least one factor; of a single one nothing is tried
 * @param attempt held-out bits per byte at a factor; undefined: stopped
 * @returns undefined when stopped
 */
export async function tuneRate(
  grid: readonly number[],
  attempt: (factor: number) => Promise<number | undefined>,
): Promise<Tuned | undefined> {
  const factors = [...new Set(grid)].sort((a, b) => a - b)
  if (factors.length === 1) return { factor: factors[0], tried: [] }
  const tried: Tuned['tried'] = []
  for (const factor of factors) {
    const bitsPerByte = await attempt(factor)
    if (bitsPerByte === undefined) return undefined
    tried.push({ factor, bitsPerByte })
  }
  for (let i = 0; i < mostExtensions; i++) {
    const next = beyondEdge(tried)
    if (next === undefined) break
    const bitsPerByte = await attempt(next)
    if (bitsPerByte === undefined) return undefined
    tried.push({ factor: next, bitsPerByte })
    tried.sort((a, b) => a.factor - b.factor)
  }
  return { factor: bestOf(tried).factor, tried }
}

/** One step of the grid further out, where the best lies at an edge. */
function beyondEdge(tried: Tuned['tried']): number | undefined {
  const best = tried.indexOf(bestOf(tried))
  if (best === 0) return tried[0].factor ** 2 / tried[1].factor
  if (best === tried.length - 1) return tried[best].factor ** 2 / tried[best - 1].factor
  return undefined
}

function bestOf(tried: Tuned['tried']): Tuned['tried'][number] {
  return tried.reduce((best, each) => (each.bitsPerByte < best.bitsPerByte ? each : best))
}
