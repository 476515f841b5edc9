// One AdamW step (Loshchilov & Hutter 2019) in one pass: reads p, g, m, v once and writes p, m, v once.
//
// Bias corrections are folded into two factors: with c1 = 1 - beta1^step, c2 = 1 - beta2^step,
//   p <- p (1 - lr decay) - lr (m / c1) / (sqrt(v / c2) + eps)
#include <math.h>
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {

void adamw(float* p, const float* g, float* m, float* v, int64_t n, float lr, float beta1, float beta2, float eps,
           float weight_decay, float grad_scale, int64_t step) {
  const float rate = float(lr / (1.0 - pow(beta1, double(step))));
  const float correction = float(1.0 / sqrt(1.0 - pow(beta2, double(step))));
  const float keep = 1.0f - lr * weight_decay;
  parallel_chunks(n, kTaskElements, [&](int64_t first, int64_t last, int64_t, int) {
#if POLLUX_SCALAR
    for (int64_t i = first; i < last; i++) {
      float d = g[i] * grad_scale;
      m[i] = beta1 * m[i] + (1.0f - beta1) * d;
      v[i] = beta2 * v[i] + (1.0f - beta2) * d * d;
      p[i] = p[i] * keep - rate * m[i] / (sqrtf(v[i]) * correction + eps);
    }
#else
    for_lanes(last - first, [&](int64_t j, int lanes) {
      int64_t i = first + j;
      vf d = read(g + i, lanes) * grad_scale;
      vf mean = beta1 * read(m + i, lanes) + (1.0f - beta1) * d;
      vf square = beta2 * read(v + i, lanes) + (1.0f - beta2) * d * d;
      write(m + i, mean, lanes);
      write(v + i, square, lanes);
      // Lanes past the end of the array may divide 0 by 0; they are not stored.
      write(p + i, read(p + i, lanes) * keep - rate * mean / (square_root(square) * correction + eps), lanes);
    });
#endif
  });
}

}  // namespace pollux::POLLUX_NS
