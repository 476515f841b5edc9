// What a handful of seeds say about a mean or a ratio: Student's interval, and the same on logarithms for ratios.
//
// Runs of equal seed share their data order, so ratios are taken seed by seed (paired) before they are averaged; what is
// left is the chance of initial values and order. With three seeds the 95% factor is 4.30, so an interval that
// excludes 1 is a strong statement and one that does not says little. Student 1908.

/** A mean with the interval that covers it; without a second value there is no interval (NaN). */
export interface Interval {
  mean: number
  low: number
  high: number
  /** Values it is a mean of. */
  count: number
}

/** Sample standard deviation (n - 1); NaN below two values. */
export function deviation(values: readonly number[]): number {
  const mean = average(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/** Mean of values, and Student's interval around it. Default level 0.95. */
export function meanInterval(values: readonly number[], level = 0.95): Interval {
  const mean = average(values)
  const count = values.length
  if (count < 2) return { mean, low: Number.NaN, high: Number.NaN, count }
  const half = (studentQuantile(0.5 + level / 2, count - 1) * deviation(values)) / Math.sqrt(count)
  return { mean, low: mean - half, high: mean + half, count }
}

/** Geometric mean of positive ratios, with the interval of their logarithms. */
export function ratioInterval(ratios: readonly number[], level = 0.95): Interval {
  const { mean, low, high, count } = meanInterval(ratios.map(Math.log), level)
  return { mean: Math.exp(mean), low: Math.exp(low), high: Math.exp(high), count }
}

/** The value below which Student's t with `freedom` degrees lies with this probability (0.5 to 1). */
export function studentQuantile(probability: number, freedom: number): number {
  let [low, high] = [0, 1]
  while (studentCumulative(high, freedom) < probability) high *= 2
  for (let i = 0; i < 200 && high - low > 1e-12 * high; i++) {
    const middle = (low + high) / 2
    if (studentCumulative(middle, freedom) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Probability that Student's t lies below t >= 0: 1 - I_x(v/2, 1/2) / 2 with x = v / (v + t^2). */
function studentCumulative(t: number, freedom: number): number {
  return 1 - incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
}

/** Regularised incomplete beta function I_x(a, b). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x))
  // the fraction converges fast below the mean; above it, the mirrored one does
  if (x < (a + 1) / (a + b + 2)) return (front * betaFraction(x, a, b)) / a
  return 1 - (front * betaFraction(1 - x, b, a)) / b
}

/**
 * The continued fraction 1 / (1 + d1/(1 + d2/(1 + ...))) of the incomplete beta function (DLMF 8.17.22), evaluated from
 * its tail: 100 terms are plenty for arguments on the convergent side.
 */
function betaFraction(x: number, a: number, b: number): number {
  let value = 1
  for (let term = 100; term >= 1; term--) {
    const m = term >> 1
    const d =
      term % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    value = 1 + d / value
  }
  return 1 / value
}

/** ln Gamma(z), z > 0: Stirling's series after raising z above 8. */
function logGamma(z: number): number {
  let shift = 0
  let x = z
  while (x < 8) shift += Math.log(x++)
  const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5) - 1 / (1680 * x ** 7)
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series - shift
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
