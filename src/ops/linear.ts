// A linear map: y = x W^T.
//
//   dx = dy W        dW += dy^T x
//
// W is read in its packed form, made once per optimiser step (tensor/parameter.ts), or in 8 or 4 bits (quantised.ts). dW is added straight into
// the parameter's gradient. Shapes: R rows, K in, N out.
import { type Compute, kernels } from '../native/index.ts'
import {
  type Dtype,
  gradientOf,
  gradientTarget,
  isRecording,
  type Parameter,
  record,
  type Tensor,
} from '../tensor/index.ts'
import { expectNumbers, expectShape, output } from './check.ts'
import { quantisedProduct } from './quantised.ts'

export interface LinearOptions {
  /** Dtype of the result. Default that of x. */
  outDtype?: Dtype
  /** Arithmetic: bf16 rounds both factors and sums in f32. Default the dtype of x. */
  compute?: Compute
}

/**
 * y[r, n] = sum_k x[r, k] W[n, k].
 *
 * @param x f32 or bf16 [R, K]
 * @param w [N, K]
 * @returns [R, N]
 */
export function linear(x: Tensor, w: Parameter, options: LinearOptions = {}): Tensor {
  const { outDtype = expectNumbers('linear', 'x', x), compute = expectNumbers('linear', 'x', x) } = options
  const [N, K] = expectShape('linear', `w (${w.name})`, w, ['N', 'K'])
  const [R] = expectShape('linear', 'x', x, ['R', K])
  const y = output('linear', [R, N], outDtype)
  if (w.quantised) {
    quantisedProduct('linear', x, w, y, { rows: R, n: N, k: K })
    return y
  }
  multiply(x, w.packed('forward', compute), y, { m: R, n: N, k: K, compute, accumulate: false })
  if (!isRecording(x, w)) return y
  record({
    op: 'linear',
    outputs: [y],
    backward: () => {
      const dy = gradientOf(y)
      if (x.requiresGrad) {
        const { data, accumulate } = gradientTarget(x)
        multiply(dy, w.packed('backward', compute), { numbers: data }, { m: R, n: K, k: N, compute, accumulate })
      }
      if (w.requiresGrad) addWeightGradient(dy, x, w, compute)
    },
  })
  return y
}

/** c[m, n] (+)= a[m, k] B, with B packed. */
function multiply(
  a: Tensor,
  packed: Uint8Array,
  c: Pick<Tensor, 'numbers'>,
  sizes: { m: number; n: number; k: number; compute: Compute; accumulate: boolean },
): void {
  const { m, n, k, compute, accumulate } = sizes
  // prettier-ignore
  kernels.gemm(
    a.numbers, null, packed, c.numbers, m, n, k, k, n, n, 1, 0, 0, 0, false, false, accumulate, compute, 1,
  )
}

/** dW[N, K] += dy^T x. */
function addWeightGradient(dy: Tensor, x: Tensor, w: Parameter, compute: Compute): void {
  const [N, K] = w.shape
  const R = x.shape[0]
  const { data: dw, accumulate } = w.gradientTarget()
  // prettier-ignore
  kernels.gemm(
    dy.numbers, x.numbers, null, dw, N, K, R, N, K, K, 1, 0, 0, 0, true, false, accumulate, compute, 1,
  )
}
