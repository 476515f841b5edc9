// block_gemm for every instruction set: registers hold a tile of C while k runs.
//
// The vector tile is kRowStep rows by kPanels panels. With 32 registers of 16 floats that is 12 x 32: 24 sums,
// 2 registers of B, one broadcast of A; each step loads 2 + 12 words for 24 multiplies, so the loads (2 a cycle)
// hide behind the multiplies (2 a cycle). With 16 registers of 8 floats (AVX2) it is 6 x 16: 12 + 2 + 1.
#include "kernels/block_gemm.h"
#if POLLUX_TILES
#include "kernels/tiles.h"
#endif

namespace pollux::POLLUX_NS {
namespace {

#if POLLUX_SCALAR

// The reference: one sum at a time, in order of k.
inline float packed_b(const float* panel, int64_t kk, int j) { return panel[kk * kPanel + j]; }

template <class T, class C>
void product(int64_t m, int64_t n, int64_t kp, const T* a, int64_t lda, const T* b, int64_t stride, C* c, int64_t ldc,
             bool accumulate, float alpha) {
  for (int64_t i = 0; i < m; i++) {
    for (int64_t p = 0; p * kPanel < n; p++) {
      const T* panel = b + p * stride;
      float sum[kPanel] = {};
      for (int64_t kk = 0; kk < kp; kk++)
        for (int j = 0; j < kPanel; j++) sum[j] += to_float(a[i * lda + kk]) * packed_b(panel, kk, j);
      for (int64_t j = p * kPanel; j < least(n, (p + 1) * kPanel); j++) {
        float old = accumulate ? to_float(c[i * ldc + j]) : 0.0f;
        c[i * ldc + j] = from_float<C>(old + alpha * sum[j - p * kPanel]);
      }
    }
  }
}

#else

#if POLLUX_AVX512
constexpr int kPanels = 2;
#else
constexpr int kPanels = 1;
#endif
constexpr int kVectors = kPanel / kLanes;  // registers a panel is wide
constexpr int kRows = POLLUX_AVX512 ? 12 : 6;

// Adds one step of k to the sums.
template <int M, int P> inline void step(vf (&sum)[M][P * kVectors], const float* a, int64_t lda, const float* b, int64_t stride) {
  vf row[P * kVectors];
  for (int p = 0; p < P; p++)
    for (int v = 0; v < kVectors; v++) row[p * kVectors + v] = load(b + p * stride + v * kLanes);
  for (int i = 0; i < M; i++) {
    vf x = splat(a[i * lda]);
    for (int j = 0; j < P * kVectors; j++) sum[i][j] += x * row[j];
  }
}

#if POLLUX_BF16_DOT
template <int M, int P> inline void step(vf (&sum)[M][P], const bf16* a, int64_t lda, const bf16* b, int64_t stride) {
  __m512bh row[P];
  for (int p = 0; p < P; p++) row[p] = (__m512bh)_mm512_loadu_si512(b + p * stride);
  for (int i = 0; i < M; i++) {
    int32_t pair;
    memcpy(&pair, a + i * lda, 4);
    __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
    for (int p = 0; p < P; p++) sum[i][p] = (vf)_mm512_dpbf16_ps((__m512)sum[i][p], x, row[p]);
  }
}
#endif

// How far a step goes along k.
template <class T> constexpr int kStepOf = sizeof(T) == 2 ? 2 : 1;

template <class C> inline void put(C* c, vf value, int64_t columns, bool accumulate) {
  if (columns >= kLanes) {
    store(c, accumulate ? load(c) + value : value);
  } else if (columns > 0) {
    store_part(c, accumulate ? load_part(c, int(columns)) + value : value, int(columns));
  }
}

// Keeps the scaling apart from the addition behind it: fused for some tile shapes only, the last bit would depend on
// how C was cut into blocks, and so on the number of threads.
inline vf apart(vf x) {
#if POLLUX_AVX512
  asm("" : "+v"(x));
#elif defined(__x86_64__)
  asm("" : "+x"(x));
#elif defined(__aarch64__)
  asm("" : "+w"(x));
#endif
  return x;
}

template <class T, class C, int M, int P>
void tile(int64_t kp, const T* a, int64_t lda, const T* b, int64_t stride, C* c, int64_t ldc, int64_t columns,
          bool accumulate, float alpha) {
  vf sum[M][P * kVectors] = {};
#pragma GCC unroll 2
  for (int64_t kk = 0; kk < kp; kk += kStepOf<T>) step<M, P>(sum, a + kk, lda, b + kk * kPanel, stride);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < P * kVectors; j++) put(c + i * ldc + j * kLanes, apart(sum[i][j] * alpha), columns - j * kLanes, accumulate);
}

template <class T, class C>
using TileFunction = void (*)(int64_t, const T*, int64_t, const T*, int64_t, C*, int64_t, int64_t, bool, float);

// Tiles of 1 .. kRows rows, so that the last rows of a block cost what they are.
template <class T, class C, int P> inline TileFunction<T, C> tile_of(int64_t rows) {
  static constexpr TileFunction<T, C> small[6] = {tile<T, C, 1, P>, tile<T, C, 2, P>, tile<T, C, 3, P>,
                                                  tile<T, C, 4, P>, tile<T, C, 5, P>, tile<T, C, 6, P>};
#if POLLUX_AVX512
  static constexpr TileFunction<T, C> large[6] = {tile<T, C, 7, P>,  tile<T, C, 8, P>,  tile<T, C, 9, P>,
                                                  tile<T, C, 10, P>, tile<T, C, 11, P>, tile<T, C, 12, P>};
  if (rows > 6) return large[rows - 7];
#endif
  return small[rows - 1];
}

template <class T, class C>
void product(int64_t m, int64_t n, int64_t kp, const T* a, int64_t lda, const T* b, int64_t stride, C* c, int64_t ldc,
             bool accumulate, float alpha) {
  int64_t panels = divide_up(n, kPanel);
  for (int64_t p = 0; p < panels; p += kPanels) {
    bool full = p + kPanels <= panels;
    for (int64_t i = 0; i < m;) {
      int64_t left = m - i, rows = left < kRows ? left : kRows;
      // Two even tiles end faster than a full one and a thin one: the thin one waits for its own additions.
      if (left > kRows && left < 2 * kRows) rows = divide_up(left, 2);
      auto run = full ? tile_of<T, C, kPanels>(rows) : tile_of<T, C, 1>(rows);
      run(kp, a + i * lda, lda, b + p * stride, stride, c + i * ldc + p * kPanel, ldc, n - p * kPanel, accumulate, alpha);
      i += rows;
    }
  }
}

#endif

}  // namespace

template <class T, class C>
void block_gemm(int64_t m, int64_t n, int64_t kp, const T* a, int64_t lda, const T* b, int64_t stride, C* c, int64_t ldc,
                bool accumulate, float alpha) {
#if POLLUX_TILES
  if constexpr (sizeof(T) == 2) {
    tile_product(m, n, kp, a, lda, b, stride, c, ldc, accumulate, alpha);
    return;
  } else {
    product(m, n, kp, a, lda, b, stride, c, ldc, accumulate, alpha);
  }
#else
  product(m, n, kp, a, lda, b, stride, c, ldc, accumulate, alpha);
#endif
}

#define POLLUX_BLOCK(T, C) \
  template void block_gemm<T, C>(int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, C*, int64_t, bool, float);
POLLUX_BLOCK(float, float)
POLLUX_BLOCK(float, bf16)
#if POLLUX_BF16_DOT || POLLUX_TILES
POLLUX_BLOCK(bf16, float)
POLLUX_BLOCK(bf16, bf16)
#endif

}  // namespace pollux::POLLUX_NS
