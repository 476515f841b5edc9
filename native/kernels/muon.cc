// Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum, then the update is replaced by its
// nearest semi-orthogonal matrix, found by five Newton-Schulz iterations of three products each.
//
//   m <- momentum m + (1 - momentum) g;   u = momentum m + (1 - momentum) g      (Nesterov)
//   X = u / |u|_F, transposed if tall
//   five times:  A = X X^T,  B = b A + c A A,  X = a X + B X
//   p <- p (1 - lr wd) - lr sqrt(max(1, rows / cols)) X
//
// (a, b, c) = (3.4445, -4.7750, 2.0315) drive all singular values towards 1 quickly, not exactly. The experts of a
// layer are one batch. Floor: 5 (4 s^2 l + 2 s^3) operations for a matrix with sides s <= l.
#include <math.h>
#include "kernels/block_gemm.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
constexpr int kIterations = 5;

template <class T> constexpr Dtype dtype_of() { return sizeof(T) == 2 ? BF16 : F32; }

struct Shape {
  int64_t batch, rows, cols;
  bool tall() const { return rows > cols; }
  int64_t size() const { return rows * cols; }
  int64_t small() const { return tall() ? cols : rows; }
  int64_t large() const { return tall() ? rows : cols; }
};

// Momentum and the Nesterov update, u into scratch; returns nothing: norms[e] = sum of u^2 of matrix e.
void momentum_step(const Shape& s, const float* g, float* m, float momentum, float grad_scale, float* u, double* norms) {
  parallel_for(s.batch, [&](int64_t e, int) {
    double sum = 0;
    for (int64_t r = 0; r < s.rows; r++) {
      float row_sum = 0;
      for (int64_t i = e * s.size() + r * s.cols, end = i + s.cols; i < end; i++) {
        float grad = g[i] * grad_scale;
        m[i] = momentum * m[i] + (1 - momentum) * grad;
        u[i] = momentum * m[i] + (1 - momentum) * grad;
        row_sum += u[i] * u[i];
      }
      sum += row_sum;
    }
    norms[e] = sum;
  });
}

// X [small, large] = u / |u|, turned if tall.
template <class T> void normalise(const Shape& s, const float* u, const double* norms, T* x) {
  parallel_for(s.batch, [&](int64_t e, int) {
    const float inverse = float(1 / (sqrt(norms[e]) + 1e-7));
    const float* from = u + e * s.size();
    T* to = x + e * s.size();
    for (int64_t i = 0; i < s.rows; i++)
      for (int64_t j = 0; j < s.cols; j++)
        to[s.tall() ? j * s.rows + i : i * s.cols + j] = from_float<T>(from[i * s.cols + j] * inverse);
  });
}

// C = alpha * A op(B) (+ C), a batch of dense matrices of T.
template <class T>
void product(const T* a, const T* b, bool b_transposed, T* c, int64_t m, int64_t n, int64_t k, int64_t batch, float alpha,
             bool accumulate, Dtype compute) {
  GemmArgs args = {};
  args.a = {a, dtype_of<T>(), batch * m * k};
  args.b = {b, dtype_of<T>(), batch * k * n};
  args.c = {c, dtype_of<T>(), batch * m * n};
  args.m = m, args.n = n, args.k = k;
  args.lda = k, args.ldb = b_transposed ? k : n, args.ldc = n;
  args.batch = batch, args.stride_a = m * k, args.stride_b = k * n, args.stride_c = m * n;
  args.b_transposed = b_transposed;
  args.accumulate = accumulate;
  args.compute = compute;
  args.alpha = alpha;
  gemm(args);
}

// dst = factor * src
template <class T> void scaled_copy(const T* src, float factor, T* dst, int64_t n) {
  axpby(factor, {src, dtype_of<T>(), n}, 0, {nullptr, F32, 0}, {dst, dtype_of<T>(), n}, n);
}

// Runs the iterations; the result is in x or y, which is returned.
template <class T> T* newton_schulz(const Shape& s, T* x, T* y, T* gram, T* poly, Dtype compute) {
  const int64_t n = s.small(), l = s.large();
  for (int i = 0; i < kIterations; i++) {
    product(x, x, true, gram, n, n, l, s.batch, 1.0f, false, compute);
    scaled_copy(gram, kB, poly, s.batch * n * n);
    product(gram, gram, false, poly, n, n, n, s.batch, kC, true, compute);
    scaled_copy(x, kA, y, s.batch * n * l);
    product(poly, x, false, y, n, l, n, s.batch, 1.0f, true, compute);
    T* previous = x;
    x = y;
    y = previous;
  }
  return x;
}

template <class T> void apply(const Shape& s, const T* x, float* p, float step, float keep) {
  parallel_for(s.batch, [&](int64_t e, int) {
    const T* from = x + e * s.size();
    float* to = p + e * s.size();
    for (int64_t i = 0; i < s.rows; i++)
      for (int64_t j = 0; j < s.cols; j++) {
        float update = to_float(from[s.tall() ? j * s.rows + i : i * s.cols + j]);
        to[i * s.cols + j] = to[i * s.cols + j] * keep - step * update;
      }
  });
}

template <class T>
void muon_as(const Shape& s, float* p, const float* g, float* m, float lr, float momentum, float weight_decay, float grad_scale,
             Dtype compute) {
  const int64_t n = s.batch * s.size(), square = s.batch * s.small() * s.small();
  // gemm packs into shared slot 0; these are the others.
  float* u = (float*)shared_scratch(1, size_t(n) * sizeof(float));
  double* norms = (double*)shared_scratch(2, size_t(s.batch) * sizeof(double));
  T* x = (T*)shared_scratch(3, size_t(n) * sizeof(T));
  T* y = (T*)shared_scratch(4, size_t(n) * sizeof(T));
  T* gram = (T*)shared_scratch(5, size_t(square) * sizeof(T));
  T* poly = (T*)shared_scratch(6, size_t(square) * sizeof(T));
  momentum_step(s, g, m, momentum, grad_scale, u, norms);
  normalise(s, u, norms, x);
  const T* result = newton_schulz(s, x, y, gram, poly, compute);
  const float ratio = float(s.rows) / float(s.cols);
  apply(s, result, p, lr * sqrtf(ratio > 1 ? ratio : 1.0f), 1 - lr * weight_decay);
}

}  // namespace

void muon(float* p, const float* g, float* m, int64_t batch, int64_t rows, int64_t cols, float lr, float momentum,
          float weight_decay, float grad_scale, Dtype compute) {
  if (batch == 0 || rows == 0 || cols == 0) return;
  const Shape shape = {batch, rows, cols};
  if (compute == BF16)
    muon_as<bf16>(shape, p, g, m, lr, momentum, weight_decay, grad_scale, compute);
  else
    muon_as<float>(shape, p, g, m, lr, momentum, weight_decay, grad_scale, compute);
}

}  // namespace pollux::POLLUX_NS
