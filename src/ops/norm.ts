// RMSNorm, with the sum of a residual stream folded in. Zhang & Sennrich 2019 (1910.07467).
//
//   y = residual + w * x * rstd,   rstd = (mean(x^2) + eps)^(-1/2)      over the last dimension
//
// Backward keeps only rstd, one number a row. The gradient of the residual is that of y: where the dtypes agree
// it is handed on without a copy. Shapes: R rows, D width.
import { kernels } from '../native/index.ts'
import {
  addGradient,
  type Dtype,
  empty,
  gradientTarget,
  isRecording,
  type Parameter,
  record,
  takeGradient,
  type Tensor,
} from '../tensor/index.ts'
import { expectNumbers, expectShape, output } from './check.ts'

export interface RmsNormOptions {
  /** Added to the mean square. Default 1e-6. */
  eps?: number
  /** Added to the result, [R, D]. Default none. */
  residual?: Tensor
  /** Dtype of the result. Default that of x. */
  outDtype?: Dtype
}

/**
 * @param x f32 or bf16 [R, D]
 * @param w [D]; null: no factor
 * @returns [R, D]
 */
export function rmsNorm(x: Tensor, w: Parameter | null, options: RmsNormOptions = {}): Tensor {
  const { eps = 1e-6, residual = null, outDtype = expectNumbers('rmsNorm', 'x', x) } = options
  const [R, D] = expectShape('rmsNorm', 'x', x, ['R', 'D'])
  if (w) expectShape('rmsNorm', `w (${w.name})`, w, [D])
  if (residual) expectShape('rmsNorm', 'residual', residual, [R, D])
  const y = output('rmsNorm', [R, D], outDtype)
  const recording = isRecording(x, w, residual)
  const rstd = recording ? empty([R]) : null
  kernels.rmsnormForward(
    x.numbers,
    w?.numbers ?? null,
    residual?.numbers ?? null,
    y.numbers,
    rstd?.floats ?? null,
    R,
    D,
    eps,
  )
  if (!rstd) return y
  record({
    op: 'rmsNorm',
    outputs: [y],
    saved: [rstd],
    backward: () => {
      const dy = takeGradient(y)
      addNormGradient(dy, x, w, rstd)
      if (residual?.requiresGrad) addGradient(residual, dy)
      else dy.release()
    },
  })
  return y
}

/** Gradients of x and w. */
function addNormGradient(dy: Tensor, x: Tensor, w: Parameter | null, rstd: Tensor): void {
  const dw = w?.requiresGrad ? w.gradient().floats : null
  if (!x.requiresGrad && !dw) return
  const [R, D] = x.shape
  const scratch = x.requiresGrad ? null : empty([R, D], { dtype: x.dtype })
  const { data, accumulate } = scratch ? { data: scratch.numbers, accumulate: false } : gradientTarget(x)
  kernels.rmsnormBackward(dy.numbers, x.numbers, w?.numbers ?? null, rstd.floats, data, accumulate, dw, R, D)
  scratch?.release()
}
