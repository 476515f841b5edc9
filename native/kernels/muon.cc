// Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum, then the update is replaced by its
// nearest semi-orthogonal matrix, found by five Newton-Schulz iterations of three products each.
//
//   m <- momentum m + (1 - momentum) g;   u = momentum m + (1 - momentum) g      (Nesterov)
//   X = u / |u|_F, transposed if tall
//   five times:  A = X X^T,  B = b A + c A A,  X = a X + B X
//   p <- p (1 - lr wd) - lr sqrt(max(1, rows / cols)) X
//
// (a, b, c) = (3.4445, -4.7750, 2.0315) drive all singular values towards 1 quickly, not exactly. The experts of a
// layer are one batch. Floor: 5 (4 s^2 l + 2 s^3) operations for a matrix with sides s <= l; many: muon_each.h; long
// ones: muon_gram.h.
#include <math.h>
#include "kernels/block_gemm.h"
#include "kernels/muon_each.h"
#include "kernels/muon_gram.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
constexpr int kIterations = 5;
// From so many matrices on, each is one thread's; fewer are shared out among the threads product by product.
constexpr int64_t kMany = 4;

template <class T> constexpr Dtype dtype_of() { return sizeof(T) == 2 ? BF16 : F32; }

struct Shape {
  int64_t batch, rows, cols;
  bool tall() const { return rows > cols; }
  int64_t size() const { return rows * cols; }
  int64_t small() const { return tall() ? cols : rows; }
  int64_t large() const { return tall() ? rows : cols; }
};

// Rows of one task of the elementwise passes, and the tasks they make.
constexpr int64_t kRowsPerTask = 16;
inline int64_t row_tasks(const Shape& s) { return divide_up(s.rows, kRowsPerTask); }

// body(e, first row, rows, task) for every matrix and every run of kRowsPerTask rows.
template <class Body> void for_row_runs(const Shape& s, const Body& body) {
  const int64_t tasks = row_tasks(s);
  parallel_for(s.batch * tasks, [&](int64_t task, int) {
    const int64_t first = task % tasks * kRowsPerTask;
    body(task / tasks, first, least(kRowsPerTask, s.rows - first), task);
  });
}

// One run of n elements: momentum and the Nesterov update; returns the sum of u^2.
#if POLLUX_SCALAR
float momentum_run(const float* g, float* m, float momentum, float grad_scale, float* u, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) {
    float grad = (1 - momentum) * grad_scale * g[i];
    m[i] = momentum * m[i] + grad;
    u[i] = momentum * m[i] + grad;
    sum += u[i] * u[i];
  }
  return sum;
}
#else
float momentum_run(const float* g, float* m, float momentum, float grad_scale, float* u, int64_t n) {
  vf sums = {};
  const float fresh = (1 - momentum) * grad_scale;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    vf grad = fresh * load(g + i), moment = momentum * load(m + i) + grad, update = momentum * moment + grad;
    store(m + i, moment);
    store(u + i, update);
    sums += update * update;
  }
  float sum = reduce_add(sums);
  for (; i < n; i++) {
    float grad = fresh * g[i];
    m[i] = momentum * m[i] + grad;
    u[i] = momentum * m[i] + grad;
    sum += u[i] * u[i];
  }
  return sum;
}
#endif

// u for all matrices; norms[task] = its part of the sum of u^2.
void momentum_step(const Shape& s, const float* g, float* m, float momentum, float grad_scale, float* u, double* norms) {
  for_row_runs(s, [&](int64_t e, int64_t first, int64_t rows, int64_t task) {
    double sum = 0;
    for (int64_t r = 0; r < rows; r++) {
      const int64_t at = e * s.size() + (first + r) * s.cols;
      sum += momentum_run(g + at, m + at, momentum, grad_scale, u + at, s.cols);
    }
    norms[task] = sum;
  });
}

// X [small, large] = u / |u|, turned if tall.
template <class T> void normalise(const Shape& s, const float* u, const double* norms, T* x) {
  const int64_t tasks = row_tasks(s);
  for_row_runs(s, [&](int64_t e, int64_t first, int64_t rows, int64_t) {
    double sum = 0;
    for (int64_t i = 0; i < tasks; i++) sum += norms[e * tasks + i];
    const float inverse = float(1 / (sqrt(sum) + 1e-7));
    const float* from = u + e * s.size();
    T* to = x + e * s.size();
    if (s.tall()) {
      for (int64_t j = 0; j < s.cols; j++)
        for (int64_t i = first; i < first + rows; i++) to[j * s.rows + i] = from_float<T>(from[i * s.cols + j] * inverse);
    } else {
      for (int64_t i = first * s.cols; i < (first + rows) * s.cols; i++) to[i] = from_float<T>(from[i] * inverse);
    }
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

// p = p * keep - step * X, X turned back if tall.
template <class T> void apply(const Shape& s, const T* x, float* p, float step, float keep) {
  for_row_runs(s, [&](int64_t e, int64_t first, int64_t rows, int64_t) {
    const T* from = x + e * s.size();
    float* to = p + e * s.size();
    if (s.tall()) {
      for (int64_t j = 0; j < s.cols; j++)
        for (int64_t i = first; i < first + rows; i++)
          to[i * s.cols + j] = to[i * s.cols + j] * keep - step * to_float(from[j * s.rows + i]);
    } else {
      for (int64_t i = first * s.cols; i < (first + rows) * s.cols; i++) to[i] = to[i] * keep - step * to_float(from[i]);
    }
  });
}

template <class T>
void muon_as(const Shape& s, float* p, const float* g, float* m, float step, float momentum, float keep, float grad_scale,
             Dtype compute) {
  const int64_t n = s.batch * s.size(), square = s.batch * s.small() * s.small();
  // gemm packs into shared slot 0; these are the others.
  float* u = (float*)shared_scratch(1, size_t(n) * sizeof(float));
  double* norms = (double*)shared_scratch(2, size_t(s.batch * row_tasks(s)) * sizeof(double));
  T* x = (T*)shared_scratch(3, size_t(n) * sizeof(T));
  T* y = (T*)shared_scratch(4, size_t(n) * sizeof(T));
  T* gram = (T*)shared_scratch(5, size_t(square) * sizeof(T));
  T* poly = (T*)shared_scratch(6, size_t(square) * sizeof(T));
  momentum_step(s, g, m, momentum, grad_scale, u, norms);
  normalise(s, u, norms, x);
  const T* result = newton_schulz(s, x, y, gram, poly, compute);
  apply(s, result, p, step, keep);
}

// Many matrices, each by one thread from its gradient to its weights. `iterate(thread, u, inverse)` turns an update
// u [rows, cols] times `inverse` into the orthogonal X [small, large] and says where that lies; u is in `slot` of its thread.
template <class Iterate>
void muon_each(const Shape& s, float* p, const float* g, float* m, float step, float momentum, float keep, float grad_scale,
               int slot, const Iterate& iterate) {
  const int64_t large = s.large();
  parallel_for(s.batch, [&](int64_t e, int thread) {
    float* u = (float*)thread_scratch(thread, slot, size_t(s.size()) * sizeof(float));
    const int64_t at = e * s.size();
    double sum = 0;
    for (int64_t r = 0; r < s.rows; r++) {
      const int64_t row = r * s.cols;
      sum += momentum_run(g + at + row, m + at + row, momentum, grad_scale, u + row, s.cols);
    }
    const float* x = iterate(thread, u, float(1 / (sqrt(sum) + 1e-7)));
    for (int64_t r = 0; r < s.rows; r++) {
      float* to = p + at + r * s.cols;
      for (int64_t c = 0; c < s.cols; c++) to[c] = to[c] * keep - step * x[s.tall() ? c * large + r : r * large + c];
    }
  });
}

// x [small, large] = inverse * u [rows, cols], turned if tall.
void scaled_turn(const Shape& s, const float* u, float inverse, float* x) {
  const int64_t small = s.small(), large = s.large();
  for (int64_t i = 0; i < small; i++)
    for (int64_t j = 0; j < large; j++) x[i * large + j] = inverse * u[s.tall() ? j * small + i : i * large + j];
}

}  // namespace

void muon(float* p, const float* g, float* m, int64_t batch, int64_t rows, int64_t cols, float lr, float momentum,
          float weight_decay, float grad_scale, Dtype compute) {
  if (batch == 0 || rows == 0 || cols == 0) return;
  const Shape shape = {batch, rows, cols};
  const int64_t small = shape.small(), large = shape.large();
  const float ratio = float(rows) / float(cols), step = lr * sqrtf(ratio > 1 ? ratio : 1.0f), keep = 1 - lr * weight_decay;
  const auto each = [&](const auto& iterate) {
    muon_each(shape, p, g, m, step, momentum, keep, grad_scale, 1, iterate);
  };
  const auto schulz = [&](auto zero) {
    typedef decltype(zero) T;
    each([&](int thread, const float* u, float inverse) -> const float* {
      const EachScratch<T> z = each_scratch<T>(thread, 0, small, large);
      scaled_turn(shape, u, inverse, z.x);
      each_newton_schulz(z, small, large, kIterations, kA, kB, kC);
      return z.x;
    });
  };
  if (large >= 4 * small) {
    each([&](int thread, const float* u, float inverse) -> const float* {
      const GramScratch z = gram_scratch(thread, 0, small, large);
      scaled_turn(shape, u, inverse, z.x);
      gram_newton_schulz(z, small, large, kIterations, kA, kB, kC);
      return z.out;
    });
  } else if (batch >= kMany) {
    compute == BF16 ? schulz(Half()) : schulz(float());
  } else if (compute == BF16) {
    muon_as<bf16>(shape, p, g, m, step, momentum, keep, grad_scale, compute);
  } else {
    muon_as<float>(shape, p, g, m, step, momentum, keep, grad_scale, compute);
  }
}

}  // namespace pollux::POLLUX_NS
