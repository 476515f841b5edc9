// The inner product every other product is made of: C[m,n] (+)= A[m,k] B[k,n] on one thread, with A row-major
// and B packed. gemm.cc, attention, the output head and the optimiser cut their work into such blocks.
//
// B is packed in panels of 16 columns, so that the instruction that multiplies finds its operand in one
// cache line whatever the instruction set:
//
//   float:  panel p = [k][16]            element (kk, j) = B[kk][16p + j]
//   bf16:   panel p = [k/2][16][2]       pairs of consecutive k side by side, as vdpbf16ps and tdpbf16ps read them
//
// Columns beyond n and rows beyond k are zero. For bf16, k is padded to a multiple of kDepthStep (32 with AMX, whose tile
// row is 64 bytes; else 2, a pair), and A must be padded likewise: its padding is multiplied by zeros, but a NaN there
// would survive.
#pragma once
#include "kernels/isa.h"
#include "kernels/simd.h"
#include "kernels/types.h"

namespace pollux::POLLUX_NS {

// Element type in which a product asked for in bf16 really runs: float where the CPU has no bf16 multiply
// (inputs are then rounded to bf16 by their dtype only, and products and sums are float32 as everywhere).
#if POLLUX_BF16_DOT || POLLUX_TILES
typedef bf16 Half;
#else
typedef float Half;
#endif

constexpr int kPanel = 16;

static inline int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }
static inline int64_t divide_up(int64_t x, int64_t by) { return (x + by - 1) / by; }
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// The experts' gradients sum over some tens of tokens each: padding those to 32 where 2 will do would cost a fifth.
constexpr int64_t kDepthStep = POLLUX_TILES ? 32 : 2;

// k as stored: elements of one row of packed A, and rows of one panel of packed B.
template <class T> static inline int64_t padded_k(int64_t k) { return sizeof(T) == 2 ? round_up(k, kDepthStep) : k; }
template <class T> static inline int64_t panel_stride(int64_t k) { return padded_k<T>(k) * kPanel; }
// Elements of a packed [k, n] matrix.
template <class T> static inline int64_t packed_elements(int64_t k, int64_t n) {
  return divide_up(n, kPanel) * panel_stride<T>(k);
}

// Packs B: src [k, n] (rows ld apart; row kk is src row index[kk] if index is given) -> panels first .. last-1.
template <class T, class S>
void pack_b(const S* src, int64_t ld, const int32_t* index, int64_t k, int64_t n, int64_t first, int64_t last, T* dst);
// The same from src [n, k].
template <class T, class S> void pack_bt(const S* src, int64_t ld, int64_t k, int64_t n, int64_t first, int64_t last, T* dst);
template <class T, class S> static inline void pack_b(const S* src, int64_t ld, int64_t k, int64_t n, T* dst) {
  pack_b<T, S>(src, ld, nullptr, k, n, 0, divide_up(n, kPanel), dst);
}
template <class T, class S> static inline void pack_bt(const S* src, int64_t ld, int64_t k, int64_t n, T* dst) {
  pack_bt<T, S>(src, ld, k, n, 0, divide_up(n, kPanel), dst);
}

// Packs A: src [m, k] (row i is src row index[i] if index is given) -> dst [m, padded_k], zeros behind k. Rows of dst
// are dst_ld elements apart (0: padded_k).
template <class T, class S>
void pack_a(const S* src, int64_t ld, const int32_t* index, int64_t m, int64_t k, T* dst, int64_t dst_ld = 0);
// The same from src [k, m] (row kk is src row index[kk] if index is given).
template <class T, class S>
void pack_at(const S* src, int64_t ld, const int32_t* index, int64_t m, int64_t k, T* dst, int64_t dst_ld = 0);

// A row length for packed A that keeps 16 rows out of each other's cache sets: an odd number of lines.
template <class T> static inline int64_t spread_ld(int64_t k) {
  constexpr int64_t line = 64 / sizeof(T);
  return (divide_up(padded_k<T>(k), line) | 1) * line;
}

// C[m,n] = alpha * A B, or C += alpha * A B. a [m, >= kp], rows lda apart; b panels `stride` elements apart (each
// starting at the first of the kp rows to use); kp as padded_k gives it. C is float or bf16; the sums are float.
template <class T, class C>
void block_gemm(int64_t m, int64_t n, int64_t kp, const T* a, int64_t lda, const T* b, int64_t stride, C* c, int64_t ldc,
                bool accumulate, float alpha = 1.0f);

// Rows that block_gemm takes at once; block heights that are multiples of it waste nothing.
#if POLLUX_TILES
constexpr int kRowStep = 32;
#elif POLLUX_AVX512
constexpr int kRowStep = 12;
#else
constexpr int kRowStep = 6;
#endif

}  // namespace pollux::POLLUX_NS
