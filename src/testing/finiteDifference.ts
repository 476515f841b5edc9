// Gradients by central finite differences of a float64 function: the independent check of every backward.

/** d loss / d x[i] for all i; `x` is changed while it runs and put back. `loss` must read `x` each time. */
export function finiteDifference(loss: () => number, x: Float64Array, step = 1e-5): Float64Array {
  const gradient = new Float64Array(x.length)
  for (let i = 0; i < x.length; i++) {
    const kept = x[i]
    x[i] = kept + step
    const above = loss()
    x[i] = kept - step
    const below = loss()
    x[i] = kept
    gradient[i] = (above - below) / (2 * step)
  }
  return gradient
}

/** Sum of products: turns an output into a loss whose gradient at the output is `dy`. */
export function dotProduct(y: ArrayLike<number>, dy: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < y.length; i++) sum += y[i] * dy[i]
  return sum
}
