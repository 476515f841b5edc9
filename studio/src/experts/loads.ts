// Figures of expert loads.

/** Load of each expert over the mean of its layer: 1 is even. All zero where nothing was routed. */
export function relativeLoad(counts: readonly number[]): number[] {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.map((count) => (mean > 0 ? count / mean : 0))
}

/** What was added between two counts; all of `later` where the counting began anew. */
export function loadSince(earlier: readonly number[][] | undefined, later: readonly number[][]): number[][] {
  const sameShape =
    earlier !== undefined &&
    earlier.length === later.length &&
    later.every((layer, i) => layer.length === earlier[i].length && layer.every((count, e) => count >= earlier[i][e]))
  return sameShape ? later.map((layer, i) => layer.map((count, e) => count - earlier[i][e])) : later.map((l) => [...l])
}

/** Largest load over the mean, minus 1, of each layer. */
export function maxViolation(load: readonly number[][]): number[] {
  return load.map((counts) => Math.max(0, ...relativeLoad(counts)) - (counts.some((count) => count > 0) ? 1 : 0))
}

/** How often each expert was the first (or any) choice for tokens from `from` on, largest first. */
export function expertCounts(
  chosen: readonly number[],
  topK: number,
  from: number,
  rank: number | 'any',
): { expert: number; count: number }[] {
  const counts = new Map<number, number>()
  for (let i = from * topK; i < chosen.length; i++) {
    if (rank !== 'any' && i % topK !== rank) continue
    counts.set(chosen[i], (counts.get(chosen[i]) ?? 0) + 1)
  }
  return [...counts]
    .map(([expert, count]) => ({ expert, count }))
    .sort((a, b) => b.count - a.count || a.expert - b.expert)
}
