// RMSNorm (Zhang & Sennrich 2019) with an optional weight and an optional residual added to its output.
//
// A row is read from memory once: the second pass over it finds it in the first-level cache.
//   backward: with h = x * rstd and g = dy * w:  dx = rstd * (g - h * mean(g * h)),  dw = sum over rows of dy * h
#include <math.h>
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {
namespace {

#if POLLUX_SCALAR

template <class X> float square_sum(const X* x, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += to_float(x[i]) * to_float(x[i]);
  return sum;
}

template <class X, class Z, class Y>
void normalise(const X* x, const float* w, const Z* residual, Y* y, float rstd, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float value = to_float(x[i]) * rstd * (w ? w[i] : 1.0f);
    y[i] = from_float<Y>(residual ? to_float(residual[i]) + value : value);
  }
}

template <class G, class X, class O>
void gradient(const G* dy, const X* x, const float* w, float rstd, O* dx, bool accumulate, float* dw, int64_t n) {
  float dot = 0;
  for (int64_t i = 0; i < n; i++) dot += to_float(dy[i]) * (w ? w[i] : 1.0f) * to_float(x[i]) * rstd;
  for (int64_t i = 0; i < n; i++) {
    float h = to_float(x[i]) * rstd;
    float value = rstd * (to_float(dy[i]) * (w ? w[i] : 1.0f) - h * dot / float(n));
    dx[i] = from_float<O>(accumulate ? to_float(dx[i]) + value : value);
    if (dw) dw[i] += to_float(dy[i]) * h;
  }
}

#else

template <class X> float square_sum(const X* x, int64_t n) {
  vf a = {}, b = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    vf p = load(x + i), q = load(x + i + kLanes);
    a += p * p;
    b += q * q;
  }
  for_lanes(n - i, [&](int64_t j, int lanes) {
    vf p = read(x + i + j, lanes);
    a += p * p;
  });
  return reduce_add(a + b);
}

template <class X, class Z, class Y>
void normalise(const X* x, const float* w, const Z* residual, Y* y, float rstd, int64_t n) {
  for_lanes(n, [&](int64_t i, int lanes) {
    vf value = read(x + i, lanes) * rstd;
    if (w) value *= read(w + i, lanes);
    if (residual) value += read(residual + i, lanes);
    write(y + i, value, lanes);
  });
}

template <class G, class X, class O>
void gradient(const G* dy, const X* x, const float* w, float rstd, O* dx, bool accumulate, float* dw, int64_t n) {
  vf sum = {};
  for_lanes(n, [&](int64_t i, int lanes) {
    vf g = read(dy + i, lanes);
    if (w) g *= read(w + i, lanes);
    sum += g * read(x + i, lanes);
  });
  float mean = reduce_add(sum) * rstd / float(n);
  for_lanes(n, [&](int64_t i, int lanes) {
    vf d = read(dy + i, lanes), g = d, h = read(x + i, lanes) * rstd;
    if (w) g *= read(w + i, lanes);
    vf value = rstd * (g - h * mean);
    if (accumulate) value += read(dx + i, lanes);
    write(dx + i, value, lanes);
    if (dw) write(dw + i, read(dw + i, lanes) + d * h, lanes);
  });
}

#endif
}  // namespace

void rmsnorm_forward(View x, View w, View residual, MutView y, float* rstd, int64_t rows, int64_t dim, float eps) {
  const float* weight = as_floats(w, dim, 0);
  parallel_chunks(rows, rows_per_task(dim), [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(x.dtype, X, POLLUX_DISPATCH(residual.dtype, Z, POLLUX_DISPATCH(y.dtype, Y, {
      for (int64_t r = first; r < last; r++) {
        const X* row = (const X*)x.data + r * dim;
        float scale = 1.0f / sqrtf(square_sum(row, dim) / float(dim) + eps);
        if (rstd) rstd[r] = scale;
        const Z* add = residual.data ? (const Z*)residual.data + r * dim : nullptr;
        normalise(row, weight, add, (Y*)y.data + r * dim, scale, dim);
      }
    })));
  });
}

void rmsnorm_backward(View dy, View x, View w, const float* rstd, MutView dx, bool accumulate_dx, float* dw,
                      int64_t rows, int64_t dim) {
  const float* weight = as_floats(w, dim, 0);
  int64_t tasks = ceil_div(rows, kSumRows);
  float* parts = dw ? zeroed_parts(tasks, dim, 1) : nullptr;
  parallel_chunks(rows, kSumRows, [&](int64_t first, int64_t last, int64_t task, int) {
    float* part = dw ? parts + task * dim : nullptr;
    POLLUX_DISPATCH(dy.dtype, G, POLLUX_DISPATCH(x.dtype, X, POLLUX_DISPATCH(dx.dtype, O, {
      for (int64_t r = first; r < last; r++)
        gradient((const G*)dy.data + r * dim, (const X*)x.data + r * dim, weight, rstd[r], (O*)dx.data + r * dim,
                 accumulate_dx, part, dim);
    })));
  });
  if (dw) add_parts(parts, tasks, dim, dw, true);
}

}  // namespace pollux::POLLUX_NS
