// Per-head RMSNorm followed by rotary position embedding (Su et al. 2021), in one pass over a slice of a fused projection.
//
// Rotation acts on the pairs (i, i + C/2): (a, b) -> (a cos - b sin, b cos + a sin); its gradient is the rotation by
// the opposite angle, after which the norm's gradient is that of norm.cc.
#include <math.h>
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {
namespace {

#if POLLUX_SCALAR

// cos is null where nothing is rotated.
template <class X, class Y>
float head_forward(const X* x, const float* w, const float* cos, const float* sin, Y* y, int64_t n, float eps) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += to_float(x[i]) * to_float(x[i]);
  float rstd = 1.0f / sqrtf(sum / float(n) + eps);
  auto value = [&](int64_t i) { return to_float(x[i]) * rstd * (w ? w[i] : 1.0f); };
  if (!cos) {
    for (int64_t i = 0; i < n; i++) y[i] = from_float<Y>(value(i));
    return rstd;
  }
  int64_t half = n / 2;
  for (int64_t i = 0; i < half; i++) {
    float a = value(i), b = value(i + half);
    y[i] = from_float<Y>(a * cos[i] - b * sin[i]);
    y[i + half] = from_float<Y>(b * cos[i] + a * sin[i]);
  }
  return rstd;
}

template <class G, class X, class O>
void head_backward(const G* dy, const X* x, const float* w, const float* cos, const float* sin, float rstd, O* dx,
                   float* dw, float* g, int64_t n) {
  for (int64_t i = 0; i < n; i++) g[i] = to_float(dy[i]);
  int64_t half = n / 2;
  for (int64_t i = 0; cos && i < half; i++) {
    float a = g[i], b = g[i + half];
    g[i] = a * cos[i] + b * sin[i];
    g[i + half] = b * cos[i] - a * sin[i];
  }
  float dot = 0;
  for (int64_t i = 0; i < n; i++) dot += g[i] * (w ? w[i] : 1.0f) * to_float(x[i]) * rstd;
  for (int64_t i = 0; i < n; i++) {
    float h = to_float(x[i]) * rstd;
    dx[i] = from_float<O>(rstd * (g[i] * (w ? w[i] : 1.0f) - h * dot / float(n)));
    if (dw) dw[i] += g[i] * h;
  }
}

#else

template <class X, class Y>
float head_forward(const X* x, const float* w, const float* cos, const float* sin, Y* y, int64_t n, float eps) {
  vf sum = {};
  for_lanes(n, [&](int64_t i, int lanes) {
    vf v = read(x + i, lanes);
    sum += v * v;
  });
  float rstd = 1.0f / sqrtf(reduce_add(sum) / float(n) + eps);
  auto value = [&](int64_t i, int lanes) {
    vf v = read(x + i, lanes) * rstd;
    return w ? v * read(w + i, lanes) : v;
  };
  if (!cos) {
    for_lanes(n, [&](int64_t i, int lanes) { write(y + i, value(i, lanes), lanes); });
    return rstd;
  }
  int64_t half = n / 2;
  for_lanes(half, [&](int64_t i, int lanes) {
    vf a = value(i, lanes), b = value(i + half, lanes), c = read(cos + i, lanes), s = read(sin + i, lanes);
    write(y + i, a * c - b * s, lanes);
    write(y + i + half, b * c + a * s, lanes);
  });
  return rstd;
}

// g: scratch for the n entries of the gradient before the rotation.
template <class G, class X, class O>
void head_backward(const G* dy, const X* x, const float* w, const float* cos, const float* sin, float rstd, O* dx,
                   float* dw, float* g, int64_t n) {
  int64_t half = n / 2;
  if (cos) {
    for_lanes(half, [&](int64_t i, int lanes) {
      vf a = read(dy + i, lanes), b = read(dy + i + half, lanes), c = read(cos + i, lanes), s = read(sin + i, lanes);
      write(g + i, a * c + b * s, lanes);
      write(g + i + half, b * c - a * s, lanes);
    });
  } else {
    for_lanes(n, [&](int64_t i, int lanes) { write(g + i, read(dy + i, lanes), lanes); });
  }
  vf sum = {};
  for_lanes(n, [&](int64_t i, int lanes) {
    vf v = read(g + i, lanes) * read(x + i, lanes);
    sum += w ? v * read(w + i, lanes) : v;
  });
  float mean = reduce_add(sum) * rstd / float(n);
  for_lanes(n, [&](int64_t i, int lanes) {
    vf d = read(g + i, lanes), h = read(x + i, lanes) * rstd;
    vf scaled = w ? d * read(w + i, lanes) : d;
    write(dx + i, rstd * (scaled - h * mean), lanes);
    if (dw) write(dw + i, read(dw + i, lanes) + d * h, lanes);
  });
}

#endif
}  // namespace

void head_norm_rope_forward(View x, int64_t x_stride, View w, const float* cos, const float* sin,
                            const int32_t* positions, MutView y, float* rstd, int64_t rows, int64_t heads,
                            int64_t head_dim, float eps) {
  const float* weight = as_floats(w, head_dim, 0);
  int64_t half = head_dim / 2, width = heads * head_dim;
  parallel_chunks(rows, rows_per_task(width), [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(x.dtype, X, POLLUX_DISPATCH(y.dtype, Y, {
      for (int64_t r = first; r < last; r++) {
        int64_t angle = cos ? positions[r] * half : 0;
        for (int64_t h = 0; h < heads; h++)
          rstd[r * heads + h] =
              head_forward((const X*)x.data + r * x_stride + h * head_dim, weight, cos ? cos + angle : nullptr,
                           cos ? sin + angle : nullptr, (Y*)y.data + r * width + h * head_dim, head_dim, eps);
      }
    }));
  });
}

void head_norm_rope_backward(View dy, View x, int64_t x_stride, View w, const float* cos, const float* sin,
                             const int32_t* positions, const float* rstd, MutView dx, int64_t dx_stride, float* dw,
                             int64_t rows, int64_t heads, int64_t head_dim) {
  const float* weight = as_floats(w, head_dim, 0);
  int64_t half = head_dim / 2, width = heads * head_dim, tasks = ceil_div(rows, kSumRows);
  float* parts = dw ? zeroed_parts(tasks, head_dim, 1) : nullptr;
  parallel_chunks(rows, kSumRows, [&](int64_t first, int64_t last, int64_t task, int thread) {
    float* g = (float*)thread_scratch(thread, 0, size_t(head_dim) * sizeof(float));
    float* part = dw ? parts + task * head_dim : nullptr;
    POLLUX_DISPATCH(dy.dtype, G, POLLUX_DISPATCH(x.dtype, X, POLLUX_DISPATCH(dx.dtype, O, {
      for (int64_t r = first; r < last; r++) {
        int64_t angle = cos ? positions[r] * half : 0;
        for (int64_t h = 0; h < heads; h++)
          head_backward((const G*)dy.data + r * width + h * head_dim, (const X*)x.data + r * x_stride + h * head_dim,
                        weight, cos ? cos + angle : nullptr, cos ? sin + angle : nullptr, rstd[r * heads + h],
                        (O*)dx.data + r * dx_stride + h * head_dim, part, g, head_dim);
      }
    })));
  });
  if (dw) add_parts(parts, tasks, head_dim, dw, true);
}

}  // namespace pollux::POLLUX_NS
