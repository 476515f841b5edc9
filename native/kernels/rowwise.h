// What the memory-bound kernels share: loops over vectors with a tail, the cut into tasks, sums over rows.
//
// A task is a fixed number of rows or elements, never a share per thread. A sum over rows (a norm's dw) is taken
// per task into a partial row of scratch, and the partial rows are then added in task order.
#pragma once
#include "kernels/ops.h"
#include "kernels/simd.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {

constexpr int64_t kTaskElements = 16384;  // elements per task of an elementwise loop
constexpr int64_t kSumRows = 64;          // rows per task of a loop that also sums over rows

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t rows_per_task(int64_t dim) {
  int64_t rows = kTaskElements / (dim > 0 ? dim : 1);
  return rows < 1 ? 1 : rows > 256 ? 256 : rows;
}

// body(first, last, task, thread) over chunks of `chunk` of 0 .. n.
template <class Body> static inline void parallel_chunks(int64_t n, int64_t chunk, const Body& body) {
  parallel_for(ceil_div(n, chunk), [&](int64_t task, int thread) {
    body(task * chunk, smaller(n, (task + 1) * chunk), task, thread);
  });
}

// body(i, lanes): `lanes` elements from i on; fewer than kLanes only in the last call.
template <class Body> static inline void for_lanes(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, int(n - i));
}
template <class T> static inline vf read(const T* p, int lanes) { return lanes == kLanes ? load(p) : load_part(p, lanes); }
template <class T> static inline void write(T* p, vf v, int lanes) {
  if (lanes == kLanes) store(p, v);
  else store_part(p, v, lanes);
}

// A small array (a norm's weight) as floats: itself, or converted into shared scratch. Null stays null.
static inline const float* as_floats(View v, int64_t n, int slot) {
  if (!v.data || v.dtype == F32) return (const float*)v.data;
  float* out = (float*)shared_scratch(slot, size_t(n) * sizeof(float));
  for (int64_t i = 0; i < n; i++) out[i] = to_float(((const bf16*)v.data)[i]);
  return out;
}

// Room for `parts` zeroed partial sums of n floats each.
static inline float* zeroed_parts(int64_t parts, int64_t n, int slot) {
  float* p = (float*)shared_scratch(slot, size_t(parts * n + 1) * sizeof(float));
  memset(p, 0, size_t(parts * n) * sizeof(float));
  return p;
}

// out[i] (+)= sum over parts, in their order.
static inline void add_parts(const float* parts, int64_t count, int64_t n, float* out, bool accumulate) {
  parallel_chunks(n, 256, [&](int64_t first, int64_t last, int64_t, int) {
    float sum[256] = {};
    for (int64_t p = 0; p < count; p++)
      for (int64_t i = first; i < last; i++) sum[i - first] += parts[p * n + i];
    for (int64_t i = first; i < last; i++) out[i] = accumulate ? out[i] + sum[i - first] : sum[i - first];
  });
}

}  // namespace pollux::POLLUX_NS
