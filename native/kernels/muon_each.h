// Newton-Schulz for one of many matrices, on one thread, with all it needs in that thread's cache.
//
// A layer's experts are dozens of small matrices: as one batched product after another each iteration would send all of them
// through memory six times, and hand the threads a task of microseconds each. X stays in float; the operands of products
// are T. Arrays are row-major with sides s <= l.
#pragma once
#include "kernels/block_gemm.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {

// Arrays of one thread: x [s, l], two squares, and operands of products as block_gemm takes them.
template <class T> struct EachScratch {
  float *x, *gram, *poly;
  T *left, *packed;
};

template <class T> static inline size_t each_scratch_bytes(int64_t s, int64_t l) {
  const int64_t left = s * spread_ld<T>(l), packed = packed_elements<T>(l, s) + packed_elements<T>(s, l);
  return size_t(s * l + 2 * s * s) * sizeof(float) + size_t(left + packed) * sizeof(T) + 3 * 64;
}

template <class T> static inline EachScratch<T> each_scratch(int thread, int slot, int64_t s, int64_t l) {
  const auto aligned = [](void* at) { return (char*)((uintptr_t(at) + 63) / 64 * 64); };
  EachScratch<T> z;
  z.x = (float*)thread_scratch(thread, slot, each_scratch_bytes<T>(s, l));
  z.gram = z.x + s * l, z.poly = z.gram + s * s;
  z.left = (T*)aligned(z.poly + s * s);
  z.packed = (T*)aligned(z.left + s * spread_ld<T>(l));
  return z;
}

// c [m, n] (+)= alpha * a [m, k] times what z.packed holds [k, n].
template <class T>
static inline void each_product(const EachScratch<T>& z, int64_t m, int64_t n, int64_t k, const float* a, float* c, bool accumulate,
                                float alpha) {
  const int64_t ld = spread_ld<T>(k);
  pack_a<T, float>(a, k, nullptr, m, k, z.left, ld);
  block_gemm<T, float>(m, n, padded_k<T>(k), z.left, ld, z.packed, panel_stride<T>(k), c, n, accumulate, alpha);
}

// z.x = the orthogonalised z.x, by `iterations` with factors a, b, c.
template <class T>
static inline void each_newton_schulz(const EachScratch<T>& z, int64_t s, int64_t l, int iterations, float a, float b, float c) {
  for (int i = 0; i < iterations; i++) {
    pack_bt<T, float>(z.x, l, l, s, z.packed);
    each_product(z, s, s, l, z.x, z.gram, false, 1.0f);
    for (int64_t j = 0; j < s * s; j++) z.poly[j] = b * z.gram[j];
    pack_b<T, float>(z.gram, s, s, s, z.packed);
    each_product(z, s, s, s, z.gram, z.poly, true, c);
    pack_b<T, float>(z.x, l, s, l, z.packed);
    for (int64_t j = 0; j < s * l; j++) z.x[j] *= a;
    each_product(z, s, l, s, z.poly, z.x, true, 1.0f);
  }
}

}  // namespace pollux::POLLUX_NS
