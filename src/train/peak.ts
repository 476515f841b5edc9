// The peak that MFU is measured against: the best rate this machine reaches on a large product, now.
//
// A published peak says little about the machine at hand (shared cores, thermal limits), so the denominator
// is measured with the same kernels in the same run and printed beside the figure.
import { type Compute, kernels } from '../native/index.ts'

/** Side of the square product: 3 * 1024^2 values, past the first caches yet short to time. */
const side = 1024

/**
 * GFLOP/s of a 1024^3 product with packed weights, the best of several.
 *
 * @param milliseconds how long to measure. Default 200
 */
export function measurePeakGflops(compute: Compute, milliseconds = 200): number {
  const newArray = (size: number): Float32Array | Uint16Array =>
    compute === 'bf16' ? new Uint16Array(size).fill(0x3f80) : new Float32Array(size).fill(1)
  const a = newArray(side * side)
  const c = newArray(side * side)
  const packed = new Uint8Array(kernels.allocate(kernels.gemmPackedBytes(compute, side, side)))
  kernels.gemmPack(newArray(side * side), false, side, side, 1, compute, packed)
  const run = (): number => {
    const start = performance.now()
    kernels.gemm(a, null, packed, c, side, side, side, side, side, side, 1, 0, 0, 0, false, false, false, compute, 1)
    return performance.now() - start
  }
  const end = performance.now() + milliseconds
  let best = Infinity
  do best = Math.min(best, run())
  while (performance.now() < end)
  kernels.release(packed.buffer as ArrayBuffer)
  return (2 * side ** 3) / best / 1e6
}
