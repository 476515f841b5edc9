// What attention forward and backward share: packing from views of either dtype, scratch layout, visible ranges.
//
// Both never hold more than a small block of the T x T scores (Dao et al. 2022, "FlashAttention"). The mask is one
// range of keys per query, [first, last], both ends non-decreasing: the keys that a block of queries sees, and the
// queries that see a block of keys, are then ranges too, found by looking at the ends; nothing outside is computed.
#pragma once
#include <math.h>
#include "kernels/block_gemm.h"
#include "kernels/kernels.h"

namespace pollux::POLLUX_NS {

// Blocks start at multiples of this: a bf16 product takes k in steps of 32, and a panel is 16 columns.
constexpr int64_t kAlign = 32;

static inline int64_t round_down(int64_t x, int64_t multiple) { return x / multiple * multiple; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Elements from one row of floats to the next, so that every row starts at a whole vector.
static inline int64_t float_ld(int64_t columns) { return round_up(columns, kPanel); }

// block_gemm.h's packing, from a View at an element offset.
template <class T>
static inline void pack_a(View x, int64_t offset, int64_t ld, const int32_t* index, int64_t m, int64_t k, T* dst, int64_t dst_ld) {
  POLLUX_DISPATCH(x.dtype, S, (pack_a<T, S>((const S*)x.data + offset, ld, index, m, k, dst, dst_ld)));
}
template <class T> static inline void pack_b(View x, int64_t offset, int64_t ld, int64_t k, int64_t n, T* dst) {
  POLLUX_DISPATCH(x.dtype, S, (pack_b<T, S>((const S*)x.data + offset, ld, k, n, dst)));
}
template <class T> static inline void pack_bt(View x, int64_t offset, int64_t ld, int64_t k, int64_t n, T* dst) {
  POLLUX_DISPATCH(x.dtype, S, (pack_bt<T, S>((const S*)x.data + offset, ld, k, n, dst)));
}

// Hands out pieces of one scratch buffer. A layout function runs twice: with base null it counts the bytes.
struct Carver {
  char* base;
  size_t used = 0;
  template <class T> T* take(int64_t elements) {
    T* piece = (T*)(base + used);
    used += size_t(round_up(elements * int64_t(sizeof(T)), 64));
    return piece;
  }
};

// First index i of [0, n) with x[i] >= bound (n if none); x is non-decreasing.
static inline int64_t first_at_least(const int32_t* x, int64_t n, int64_t bound) {
  int64_t low = 0, high = n;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (x[middle] >= bound)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

#if POLLUX_AVX512
// e^x as 2^n 2^f, n the nearest integer to x log2(e): the processor scales by 2^n itself (0 below the range, inf above),
// which saves simd.h's clamping, about half of its instructions. 2^f on [-1/2, 1/2] by its Taylor series to f^6;
// relative error below 3e-7 for |x| < 4, then growing with the rounding of x log2(e) as |x| 2^-24.
static inline vf softmax_exp(vf x) {
  const vf floor = splat(-200.0f), t = x * 1.44269504f;
  const __m512 y = _mm512_max_ps((__m512)floor, (__m512)t);  // in this order a NaN passes
  const __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const vf f = (vf)_mm512_sub_ps(y, n);
  vf p = splat(1.54035304e-4f);
  p = p * f + 1.33335581e-3f;
  p = p * f + 9.61812911e-3f;
  p = p * f + 5.55041087e-2f;
  p = p * f + 2.40226507e-1f;
  p = p * f + 6.93147181e-1f;
  p = p * f + 1.0f;
  return (vf)_mm512_scalef_ps((__m512)p, n);
}
// The reductions of simd.h without the way through memory.
static inline float largest_lane(vf v) { return _mm512_reduce_max_ps((__m512)v); }
static inline float sum_lanes(vf v) { return _mm512_reduce_add_ps((__m512)v); }
// simd.h's max in one instruction, where compilers make three of its comparison: a quarter of softmax_row's time.
static inline vf larger(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
#elif !POLLUX_SCALAR
static inline vf softmax_exp(vf x) { return exp(x); }
static inline float largest_lane(vf v) { return reduce_max(v); }
static inline float sum_lanes(vf v) { return reduce_add(v); }
static inline vf larger(vf a, vf b) { return max(a, b); }
#endif

// dst[i] = factor * src[i], converted.
template <class D> static inline void write_row(const float* src, int64_t n, float factor, D* dst) {
#if POLLUX_SCALAR
  for (int64_t i = 0; i < n; i++) dst[i] = from_float<D>(src[i] * factor);
#else
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dst + i, load(src + i) * factor);
  if (i < n) store_part(dst + i, load_part(src + i, int(n - i)) * factor, int(n - i));
#endif
}

// A row's softmax so far.
struct RowState {
  float max = -INFINITY, sum = 0;
};

// Scores s[from, to) of a row become e^(s - max) in p[0, width), zeros outside; returns what multiplies the output so far.
#if POLLUX_SCALAR

template <class T> static inline float softmax_row(float* s, int64_t from, int64_t to, int64_t width, float cap, RowState& row, T* p) {
  for (int64_t j = 0; j < width; j++) p[j] = T(0);
  if (from >= to) return 1;
  float largest = row.max;
  for (int64_t j = from; j < to; j++) {
    if (cap > 0) s[j] = cap * tanhf(s[j] / cap);
    largest = s[j] > largest ? s[j] : largest;
  }
  float correction = expf(row.max - largest), sum = 0;
  for (int64_t j = from; j < to; j++) {
    float e = expf(s[j] - largest);
    p[j] = from_float<T>(e);
    sum += e;
  }
  row = {largest, row.sum * correction + sum};
  return correction;
}

static inline void scale_row(float* x, int64_t n, float factor) {
  for (int64_t i = 0; i < n; i++) x[i] *= factor;
}

#else

template <class T> static inline float softmax_row(float* s, int64_t from, int64_t to, int64_t width, float cap, RowState& row, T* p) {
  if (from >= to) {
    memset(p, 0, size_t(width) * sizeof(T));
    return 1;
  }
  // Whole vectors from start to end; what they hold besides the visible scores becomes -inf.
  const int64_t start = round_down(from, kLanes), end = round_up(to, kLanes);
  if (cap > 0) {
    const float inverse = 1 / cap;
    for (int64_t j = start; j < end; j += kLanes) store(s + j, cap * tanh(load(s + j) * inverse));
  }
  for (int64_t j = start; j < from; j++) s[j] = -INFINITY;
  for (int64_t j = to; j < end; j++) s[j] = -INFINITY;
  vf top = splat(row.max);
  for (int64_t j = start; j < end; j += kLanes) top = larger(top, load(s + j));
  const float largest = largest_lane(top);
  vf total = vf{};
  for (int64_t j = start; j < end; j += kLanes) {
    vf e = softmax_exp(load(s + j) - largest);
    total += e;
    store(p + j, e);
  }
  if (start > 0) memset(p, 0, size_t(start) * sizeof(T));
  if (end < width) memset(p + end, 0, size_t(width - end) * sizeof(T));
  const float correction = row.max == largest ? 1.0f : expf(row.max - largest);
  row = {largest, row.sum * correction + sum_lanes(total)};
  return correction;
}

static inline void scale_row(float* x, int64_t n, float factor) {
  for (int64_t i = 0; i < n; i += kLanes) store(x + i, load(x + i) * factor);
}

#endif

}  // namespace pollux::POLLUX_NS
