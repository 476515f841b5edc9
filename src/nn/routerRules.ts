// Three rules that say which offset per expert would make loads equal; routerBalance.ts has the state that follows them.
// Shapes: N rows, E experts, K experts a row; scores are probabilities [N, E].

/** gamma sign(mean - count) of each expert. */
export function signStep(counts: Float64Array, gamma: number): Float64Array {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.map((count) => gamma * Math.sign(mean - count))
}

/**
 * Dual ascent on the assignment of rows to experts, from `bias` on.
 *
 * @param scores [N, E]
 * @returns [E] offsets with mean 0
 */
export function quantileOffsets(scores: Float32Array, bias: Float32Array, topK: number): Float64Array {
  const E = bias.length
  const rows = scores.length / E
  const places = Math.min(rows, Math.max(1, Math.round((rows * topK) / E)))
  const offsets = Float64Array.from(bias)
  const thresholds = new Float32Array(rows)
  const row = new Float32Array(E)
  const excess = new Float32Array(rows)
  for (let round = 0; round < quantileRounds; round++) {
    for (let r = 0; r < rows; r++) {
      for (let e = 0; e < E; e++) row[e] = scores[r * E + e] + offsets[e]
      thresholds[r] = between(row.sort(), topK)
    }
    for (let e = 0; e < E; e++) {
      for (let r = 0; r < rows; r++) excess[r] = scores[r * E + e] - thresholds[r]
      excess.sort()
      offsets[e] = -excess[rows - places]
    }
  }
  return centred(offsets)
}

const quantileRounds = 4

/**
 * Potentials of the entropic assignment with equal loads, by Sinkhorn's alternation. A row gives each expert at most 1 of its
 * K, so rows are scaled through a threshold: share = 1 / (1 + exp((threshold - score - b) / softness)).
 *
 * @param scores [N, E]
 * @returns [E] offsets with mean 0
 */
export function sinkhornOffsets(scores: Float32Array, bias: Float32Array, topK: number): Float64Array {
  const E = bias.length
  const rows = scores.length / E
  const offsets = Float64Array.from(bias)
  if (topK === E) return centred(offsets)
  const softness = softnessOf(scores)
  const row = new Float32Array(E)
  const columns = new Float64Array(E)
  for (let round = 0; round < sinkhornRounds; round++) {
    columns.fill(0)
    for (let r = 0; r < rows; r++) {
      for (let e = 0; e < E; e++) row[e] = scores[r * E + e] + offsets[e]
      const threshold = rowThreshold(row, topK, softness)
      for (let e = 0; e < E; e++) columns[e] += share(row[e], threshold, softness)
    }
    for (let e = 0; e < E; e++) offsets[e] += softness * Math.log((rows * topK) / E / Math.max(columns[e], 1e-6))
  }
  return centred(offsets)
}

const sinkhornRounds = 8
/** Temperature of the soft assignment, in deviations of the scores: low enough that it nearly is a choice. */
const relativeSoftness = 0.1

/** Where the shares of a row sum to K: from between the last chosen and the first that is not, by two steps of Newton. */
function rowThreshold(row: Float32Array, topK: number, softness: number): number {
  const sorted = Float32Array.from(row).sort()
  let threshold = between(sorted, topK)
  for (let step = 0; step < 2; step++) {
    let [sum, slope] = [0, 0]
    for (const score of row) {
      const x = share(score, threshold, softness)
      sum += x
      slope += (x * (1 - x)) / softness
    }
    const move = (sum - topK) / Math.max(slope, 1e-3 / softness)
    threshold += Math.max(-softness, Math.min(softness, move))
  }
  return threshold
}

function share(score: number, threshold: number, softness: number): number {
  return 1 / (1 + Math.exp((threshold - score) / softness))
}

/** Between the last of a row that is chosen and the first that is not, of rising scores. */
function between(sorted: Float32Array, topK: number): number {
  const last = sorted[sorted.length - topK]
  return topK === sorted.length ? last : 0.5 * (last + sorted[sorted.length - topK - 1])
}

function softnessOf(scores: Float32Array): number {
  let [sum, squares] = [0, 0]
  for (const score of scores) {
    sum += score
    squares += score * score
  }
  const mean = sum / scores.length
  return relativeSoftness * Math.sqrt(Math.max(squares / scores.length - mean * mean, 1e-12))
}

function centred(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.map((value) => value - mean)
}
