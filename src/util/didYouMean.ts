// The nearest valid word to a mistyped one.
//
// Distance is Damerau-Levenshtein in its "optimal string alignment" form: insert, delete, replace and swap of
// neighbours cost 1 each. A word is suggested when at most a third of its letters (and at least one) differ, and one at least is kept.

/** The word of `words` nearest to `got`, or undefined when none is near; case does not count. */
export function didYouMean(got: string, words: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const word of words) {
    const distance = editDistance(got.toLowerCase(), word.toLowerCase())
    const allowed = Math.max(1, Math.floor(Math.max(got.length, word.length) / 3))
    if (distance <= allowed && distance < least && distance < word.length) {
      least = distance
      nearest = word
    }
  }
  return nearest
}

/** Edits that turn one word into the other. */
export function editDistance(a: string, b: string): number {
  // rows[i][j]: distance of the first i letters of a to the first j of b
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)])
  for (let j = 0; j <= b.length; j++) rows[0][j] = j
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replace = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(replace, rows[i - 1][j] + 1, rows[i][j - 1] + 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) best = Math.min(best, rows[i - 2][j - 2] + 1)
      rows[i][j] = best
    }
  }
  return rows[a.length][b.length]
}
