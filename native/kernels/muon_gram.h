// Newton-Schulz for matrices at least four times as long as wide, such as those of narrow experts.
//
// Every iterate is a polynomial of A = X X^T times X, and polynomials of A commute. So the iteration runs on s x s squares:
//
//   A = X X^T,  Q = I
//   five times:  P = a I + b A + c A A,   Q = P Q,   A = P A P
//   result Q X
//
// which is 4 s^2 l + 34 s^3 operations instead of 5 (4 s^2 l + 2 s^3): 2.4 times fewer at l = 8 s. The recurrence of A
// magnifies its rounding up to a^2 fold an iteration, so all of it is in float32, where 1e-7 becomes 1e-2 of a singular
// value that was nearly zero; bf16 would not do. One thread takes a matrix from gradient to weights, all in its cache.
#pragma once
#include "kernels/block_gemm.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {

// Arrays of one thread for matrices of sides s <= l: x and the result [s, l], four squares, and a packed operand.
struct GramScratch {
  float *x, *out, *gram, *poly, *factor, *spare, *packed;
};

static inline GramScratch gram_scratch(int thread, int slot, int64_t s, int64_t l) {
  const int64_t square = s * s, packed = packed_elements<float>(l, s) + packed_elements<float>(s, l);
  float* at = (float*)thread_scratch(thread, slot, size_t(2 * s * l + 4 * square + packed) * sizeof(float));
  GramScratch z;
  z.x = at, z.out = z.x + s * l;
  z.gram = z.out + s * l, z.poly = z.gram + square, z.factor = z.poly + square, z.spare = z.factor + square;
  z.packed = z.spare + square;
  return z;
}

// c = a b for squares of side s.
static inline void square_product(const GramScratch& z, int64_t s, const float* a, const float* b, float* c) {
  pack_b<float, float>(b, s, s, s, z.packed);
  block_gemm<float, float>(s, s, s, a, s, z.packed, panel_stride<float>(s), c, s, false);
}

// z.out = the orthogonalised z.x, by `iterations` with factors a, b, c.
static inline void gram_newton_schulz(const GramScratch& z, int64_t s, int64_t l, int iterations, float a, float b, float c) {
  pack_bt<float, float>(z.x, l, l, s, z.packed);
  block_gemm<float, float>(s, s, l, z.x, l, z.packed, panel_stride<float>(l), z.gram, s, false);
  GramScratch w = z;
  for (int i = 0; i < iterations; i++) {
    square_product(w, s, w.gram, w.gram, w.poly);
    for (int64_t j = 0; j < s * s; j++) w.poly[j] = c * w.poly[j] + b * w.gram[j];
    for (int64_t j = 0; j < s; j++) w.poly[j * s + j] += a;
    if (i + 1 < iterations) {
      square_product(w, s, w.poly, w.gram, w.spare);
      square_product(w, s, w.spare, w.poly, w.gram);
    }
    float* before = w.factor;
    if (i == 0) {
      w.factor = w.poly, w.poly = before;
      continue;
    }
    square_product(w, s, w.poly, before, w.spare);
    w.factor = w.spare, w.spare = before;
  }
  pack_b<float, float>(w.x, l, s, l, w.packed);
  block_gemm<float, float>(s, l, s, w.factor, s, w.packed, panel_stride<float>(s), w.out, l, false);
}

}  // namespace pollux::POLLUX_NS
