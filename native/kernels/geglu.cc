// Gated GELU (Shazeer 2020) with the tanh form of GELU (Hendrycks & Gimpel 2016).
//
//   gelu(g) = g/2 (1 + tanh(u)) = g * sigmoid(2u),  u = sqrt(2/pi) (g + 0.044715 g^3)
// The vector code uses the sigmoid: one exponential, and small values keep their relative accuracy.
#include <math.h>
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr float kRoot = 0.7978845608f;  // sqrt(2/pi)
constexpr float kCube = 0.044715f;

#if POLLUX_SCALAR

template <class X, class Y> void row_forward(const X* gate, const X* up, Y* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float g = to_float(gate[i]);
    float gelu = 0.5f * g * (1.0f + tanhf(kRoot * (g + kCube * g * g * g)));
    y[i] = from_float<Y>(gelu * to_float(up[i]));
  }
}

template <class G, class X, class O>
void row_backward(const G* dy, const X* gate, const X* up, O* dgate, O* dup, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float g = to_float(gate[i]), d = to_float(dy[i]);
    float t = tanhf(kRoot * (g + kCube * g * g * g));
    float slope = 0.5f * (1.0f + t) + 0.5f * g * (1.0f - t * t) * kRoot * (1.0f + 3.0f * kCube * g * g);
    dgate[i] = from_float<O>(d * to_float(up[i]) * slope);
    dup[i] = from_float<O>(d * 0.5f * g * (1.0f + t));
  }
}

#else

// sigmoid(2u)
inline vf half_gate(vf g) { return 1.0f / (1.0f + exp(g * (-2.0f * kRoot - 2.0f * kRoot * kCube * g * g))); }

template <class X, class Y> void row_forward(const X* gate, const X* up, Y* y, int64_t n) {
  for_lanes(n, [&](int64_t i, int lanes) {
    vf g = read(gate + i, lanes);
    write(y + i, g * half_gate(g) * read(up + i, lanes), lanes);
  });
}

template <class G, class X, class O>
void row_backward(const G* dy, const X* gate, const X* up, O* dgate, O* dup, int64_t n) {
  for_lanes(n, [&](int64_t i, int lanes) {
    vf g = read(gate + i, lanes), d = read(dy + i, lanes), s = half_gate(g);
    vf slope = s + g * s * (1.0f - s) * (2.0f * kRoot + 6.0f * kRoot * kCube * g * g);
    write(dgate + i, d * read(up + i, lanes) * slope, lanes);
    write(dup + i, d * g * s, lanes);
  });
}

#endif
}  // namespace

void geglu_forward(View x, MutView y, int64_t rows, int64_t inner) {
  parallel_chunks(rows, rows_per_task(inner), [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(x.dtype, X, POLLUX_DISPATCH(y.dtype, Y, {
      for (int64_t r = first; r < last; r++) {
        const X* gate = (const X*)x.data + r * 2 * inner;
        row_forward(gate, gate + inner, (Y*)y.data + r * inner, inner);
      }
    }));
  });
}

void geglu_backward(View dy, View x, MutView dx, int64_t rows, int64_t inner) {
  parallel_chunks(rows, rows_per_task(inner), [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(dy.dtype, G, POLLUX_DISPATCH(x.dtype, X, POLLUX_DISPATCH(dx.dtype, O, {
      for (int64_t r = first; r < last; r++) {
        const X* gate = (const X*)x.data + r * 2 * inner;
        O* dgate = (O*)dx.data + r * 2 * inner;
        row_backward((const G*)dy.data + r * inner, gate, gate + inner, dgate, dgate + inner, inner);
      }
    })));
  });
}

}  // namespace pollux::POLLUX_NS
