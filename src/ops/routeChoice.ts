// Ways of choosing experts other than the plain top K of route.ts, on arrays: each takes the probabilities of all rows
// and tells which pairs (row, expert) there are.
//
//   groupedTopK   top K inside the best groups of experts; a group scores the sum of its two best (DeepSeek-V3, 2412.19437)
//   roundRobin    pair i meets expert i mod E: perfectly even, and blind; for benches and warm-up
//   dropOverflow  an expert keeps at most C pairs, the most probable or the first (GShard 2006.16668; Switch 2101.03961)
//   expertChoice  each expert takes the C rows that want it most (Zhou et al. 2022, 2202.09368)
//
// A pair that is not taken keeps its slot with weight 0 and is left out of the dispatch plan.
// Shapes: R rows, E experts, K slots a row, S = R*K pairs; probs f32 [R, E].

/** Which experts rows meet. */
export interface Choice {
  /** Slots a row, K. */
  slots: number
  /** [R*K]; any expert in a slot that is not taken. */
  indices: Int32Array
  /** [R*K]: 0 where a slot is empty; null: none is. */
  chosen: Uint8Array | null
  /** [R*K]: 0 where a slot is empty, its pair dropped, or its row padding; null: all are taken. */
  taken: Uint8Array | null
  /** Pairs that were chosen and dropped. */
  dropped: number
}

/** Sizes of what is chosen from. */
export interface ChoiceShape {
  rows: number
  experts: number
}

/** A choice in which every slot is taken. */
export function wholeChoice(indices: Int32Array, slots: number): Choice {
  return { slots, indices, chosen: null, taken: null, dropped: 0 }
}

/** Top K of probs + bias inside the best `topGroups` of `groups` groups of neighbouring experts. */
export function groupedTopK(
  probs: Float32Array,
  { rows, experts }: ChoiceShape,
  options: { topK: number; groups: number; topGroups: number; bias: Float32Array | null },
): Int32Array {
  const { topK, groups, topGroups, bias } = options
  const width = experts / groups
  const indices = new Int32Array(rows * topK)
  const scores = new Float32Array(experts)
  const groupScores = new Float32Array(groups)
  for (let row = 0; row < rows; row++) {
    for (let e = 0; e < experts; e++) {
      const score = probs[row * experts + e] + (bias ? bias[e] : 0)
      scores[e] = score === score ? score : -Infinity
    }
    for (let g = 0; g < groups; g++) groupScores[g] = sumOfTopTwo(scores, g * width, width)
    for (let i = 0; i < groups - topGroups; i++) {
      const worst = smallest(groupScores)
      groupScores[worst] = Infinity
      scores.fill(-Infinity, worst * width, (worst + 1) * width)
    }
    for (let j = 0; j < topK; j++) {
      const best = largest(scores)
      indices[row * topK + j] = best
      scores[best] = -Infinity
    }
  }
  return indices
}

/** Experts in turn, `shift` on from the first. */
export function roundRobin(rows: number, experts: number, topK: number, shift = 0): Int32Array {
  return Int32Array.from({ length: rows * topK }, (_, pair) => (pair + shift) % experts)
}

/**
 * Leaves an expert at most `capacity` pairs. Padding takes no place.
 *
 * @param by 'probability': the most probable stay, of equals the first; 'position': the first stay
 */
export function dropOverflow(
  { slots, indices }: Choice,
  probs: Float32Array,
  { rows, experts }: ChoiceShape,
  { capacity, by, padding }: { capacity: number; by: 'probability' | 'position'; padding?: Uint8Array },
): Choice {
  const taken = new Uint8Array(indices.length)
  const pairs = pairsByExpert(indices, { rows, experts, slots, padding })
  let dropped = 0
  pairs.forEach((ofExpert, e) => {
    dropped += Math.max(0, ofExpert.length - capacity)
    const probabilityOf = (pair: number): number => probs[Math.floor(pair / slots) * experts + e]
    const kept = by === 'position' ? ofExpert.slice(0, capacity) : topOf(ofExpert, probabilityOf, capacity)
    for (const pair of kept) taken[pair] = 1
  })
  return { slots, indices, chosen: null, taken, dropped }
}

/** Each expert's top `capacity` rows; a row has as many slots as its most popular neighbour needs. */
export function expertChoice(
  probs: Float32Array,
  { rows, experts }: ChoiceShape,
  { capacity, padding }: { capacity: number; padding?: Uint8Array },
): Choice {
  const candidates = Array.from({ length: rows }, (_, row) => row).filter((row) => !padding?.[row])
  const chosen = Array.from({ length: experts }, (_, e) =>
    topOf(candidates, (row) => probs[row * experts + e], capacity),
  )
  const used = new Int32Array(rows)
  for (const ofExpert of chosen) for (const row of ofExpert) used[row]++
  const slots = Math.max(
    1,
    used.reduce((most, count) => Math.max(most, count), 0),
  )
  const indices = new Int32Array(rows * slots)
  const taken = new Uint8Array(rows * slots)
  used.fill(0)
  chosen.forEach((ofExpert, e) => {
    for (const row of ofExpert) {
      const pair = row * slots + used[row]++
      indices[pair] = e
      taken[pair] = 1
    }
  })
  return { slots, indices, chosen: taken, taken, dropped: 0 }
}

/** The weights of chosen pairs, [R*K]: probabilities, over their sum in the row if told, times the expert's factor. */
export function chosenWeights(
  probs: Float32Array,
  { slots, indices, taken }: Choice,
  { experts, renormalise, expertScale }: { experts: number; renormalise: boolean; expertScale?: Float32Array },
): Float32Array {
  const weights = new Float32Array(indices.length)
  for (let first = 0; first < indices.length; first += slots) {
    const row = (first / slots) * experts
    let sum = 0
    for (let pair = first; pair < first + slots; pair++) sum += probs[row + indices[pair]]
    const divisor = renormalise ? Math.max(sum, leastSum) : 1
    for (let pair = first; pair < first + slots; pair++) {
      if (taken && !taken[pair]) continue
      weights[pair] = (probs[row + indices[pair]] / divisor) * (expertScale ? expertScale[indices[pair]] : 1)
    }
  }
  return weights
}

/** FLT_MIN, as in router.cc. */
const leastSum = 2 ** -126

/** Pairs of each expert in order, those of padding left out. */
function pairsByExpert(
  indices: Int32Array,
  { experts, slots, padding }: { rows: number; experts: number; slots: number; padding?: Uint8Array },
): number[][] {
  const pairs: number[][] = Array.from({ length: experts }, () => [])
  indices.forEach((e, pair) => {
    if (!padding?.[Math.floor(pair / slots)]) pairs[e].push(pair)
  })
  return pairs
}

/** The `count` candidates of largest value, in their order; of equals the first. */
function topOf(candidates: number[], value: (candidate: number) => number, count: number): number[] {
  if (candidates.length <= count) return candidates
  const values = Float32Array.from(candidates, value)
  // sorting numbers without a comparison function is far faster than sorting candidates
  const threshold = Float32Array.from(values).sort()[values.length - count]
  let equal = count
  for (const each of values) if (each > threshold) equal--
  return candidates.filter((_, i) => values[i] > threshold || (values[i] === threshold && equal-- > 0))
}

function sumOfTopTwo(scores: Float32Array, from: number, width: number): number {
  let [first, second] = [-Infinity, -Infinity]
  for (let e = from; e < from + width; e++) {
    if (scores[e] > first) [first, second] = [scores[e], first]
    else if (scores[e] > second) second = scores[e]
  }
  return width === 1 ? first : first + second
}

function largest(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

/** Of equals the last: the first groups are kept. */
function smallest(values: Float32Array): number {
  let worst = values.length - 1
  for (let i = values.length - 2; i >= 0; i--) if (values[i] < values[worst]) worst = i
  return worst
}
