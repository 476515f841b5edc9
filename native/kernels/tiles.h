// The AMX block product: 32 x 32 of C in four tiles, A and B in two each, 32 of k a step.
//
//          B tile 6   B tile 7        each: 16 rows of 64 bytes
//  A 4       C 0        C 1
//  A 5       C 2        C 3
//
// Four loads feed four multiplies. A is read in place (row stride lda), B panels are tiles already. Rows of A
// beyond m are never read: the last rows go through a zero-padded copy. AMXEMU is the same code on tile registers
// in plain memory, for machines without AMX (Intel SDM vol. 2, TDPBF16PS gives the arithmetic).
#pragma once
#include "kernels/block_gemm.h"

namespace pollux::POLLUX_NS {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#if defined(POLLUX_ISA_AMX)

static inline void tiles_configure() {
  static const TileConfig config;
  _tile_loadconfig(&config);
}
#define POLLUX_TILE_ZERO(t) _tile_zero(t)
#define POLLUX_TILE_LOAD(t, p, bytes) _tile_loadd(t, p, bytes)
#define POLLUX_TILE_STORE(t, p, bytes) _tile_stored(t, p, bytes)
#define POLLUX_TILE_DOT(c, a, b) _tile_dpbf16ps(c, a, b)

#else

struct EmulatedTile {
  uint8_t row[16][64];
};
static thread_local EmulatedTile emulated[8];

static inline void tiles_configure() {}
static inline void emulate_load(int t, const void* p, int64_t bytes) {
  for (int i = 0; i < 16; i++) memcpy(emulated[t].row[i], (const char*)p + i * bytes, 64);
}
static inline void emulate_store(int t, void* p, int64_t bytes) {
  for (int i = 0; i < 16; i++) memcpy((char*)p + i * bytes, emulated[t].row[i], 64);
}
static inline void emulate_dot(int c, int a, int b) {
  for (int i = 0; i < 16; i++) {
    float sum[16];
    bf16 x[32], y[32];
    memcpy(sum, emulated[c].row[i], 64);
    memcpy(x, emulated[a].row[i], 64);
    for (int kk = 0; kk < 16; kk++) {
      memcpy(y, emulated[b].row[kk], 64);
      for (int j = 0; j < 16; j++) {
        sum[j] += to_float(x[2 * kk]) * to_float(y[2 * j]);
        sum[j] += to_float(x[2 * kk + 1]) * to_float(y[2 * j + 1]);
      }
    }
    memcpy(emulated[c].row[i], sum, 64);
  }
}
#define POLLUX_TILE_ZERO(t) memset(&emulated[t], 0, sizeof(EmulatedTile))
#define POLLUX_TILE_LOAD(t, p, bytes) emulate_load(t, p, bytes)
#define POLLUX_TILE_STORE(t, p, bytes) emulate_store(t, p, bytes)
#define POLLUX_TILE_DOT(c, a, b) emulate_dot(c, a, b)

#endif

// A 32 x 32 block of sums (16 wide or high without the second panel or rows) over kp, into out, rows ld apart;
// `add`: onto what out holds.
static inline void tile_sums(int64_t kp, const bf16* a, int64_t lda, bool two_rows, const bf16* b, int64_t stride,
                             bool two_panels, float* out, int64_t ld, bool add) {
  if (add) {
    POLLUX_TILE_LOAD(0, out, ld * 4);
    if (two_panels) POLLUX_TILE_LOAD(1, out + 16, ld * 4);
    if (two_rows) POLLUX_TILE_LOAD(2, out + 16 * ld, ld * 4);
    if (two_rows && two_panels) POLLUX_TILE_LOAD(3, out + 16 * ld + 16, ld * 4);
  } else {
    POLLUX_TILE_ZERO(0);
    POLLUX_TILE_ZERO(1);
    POLLUX_TILE_ZERO(2);
    POLLUX_TILE_ZERO(3);
  }
  asm volatile("" ::: "memory");  // what was copied for the tiles is in memory before they load it
  const int64_t bytes = lda * 2;
  if (two_rows && two_panels) {
    for (int64_t kk = 0; kk < kp; kk += 32) {
      POLLUX_TILE_LOAD(6, b + kk * kPanel, 64);
      POLLUX_TILE_LOAD(4, a + kk, bytes);
      POLLUX_TILE_DOT(0, 4, 6);
      POLLUX_TILE_LOAD(5, a + 16 * lda + kk, bytes);
      POLLUX_TILE_DOT(2, 5, 6);
      POLLUX_TILE_LOAD(7, b + stride + kk * kPanel, 64);
      POLLUX_TILE_DOT(1, 4, 7);
      POLLUX_TILE_DOT(3, 5, 7);
    }
  } else {
    for (int64_t kk = 0; kk < kp; kk += 32) {
      POLLUX_TILE_LOAD(6, b + kk * kPanel, 64);
      POLLUX_TILE_LOAD(4, a + kk, bytes);
      POLLUX_TILE_DOT(0, 4, 6);
      if (two_rows) {
        POLLUX_TILE_LOAD(5, a + 16 * lda + kk, bytes);
        POLLUX_TILE_DOT(2, 5, 6);
      }
      if (two_panels) {
        POLLUX_TILE_LOAD(7, b + stride + kk * kPanel, 64);
        POLLUX_TILE_DOT(1, 4, 7);
      }
    }
  }
  POLLUX_TILE_STORE(0, out, ld * 4);
  if (two_panels) POLLUX_TILE_STORE(1, out + 16, ld * 4);
  if (two_rows) POLLUX_TILE_STORE(2, out + 16 * ld, ld * 4);
  if (two_rows && two_panels) POLLUX_TILE_STORE(3, out + 16 * ld + 16, ld * 4);
}

// The same for any number of rows up to 32: the last rows go through a zero-padded copy, a slice of k at a time.
static inline void tile_sums_any(int64_t rows, int64_t kp, const bf16* a, int64_t lda, const bf16* b, int64_t stride,
                                 bool two_panels, float (*sums)[32]) {
  if (rows == 32 || rows == 16) {
    tile_sums(kp, a, lda, rows == 32, b, stride, two_panels, sums[0], 32, false);
    return;
  }
  constexpr int64_t kSlice = 512;
  alignas(64) bf16 padded[32 * kSlice];
  for (int64_t k0 = 0; k0 < kp; k0 += kSlice) {
    const int64_t width = least(kSlice, kp - k0);
    memset(padded, 0, sizeof padded);
    for (int64_t r = 0; r < rows; r++) memcpy(padded + r * kSlice, a + r * lda + k0, size_t(width) * 2);
    tile_sums(width, padded, kSlice, rows > 16, b + k0 * kPanel, stride, two_panels, sums[0], 32, k0 > 0);
  }
}

// Writes a row of sums to C.
template <class C> static inline void put_sums(const float* sums, C* c, int64_t columns, bool accumulate, float alpha) {
  int64_t x = 0;
  for (; x + kLanes <= columns; x += kLanes) {
    vf value = load(sums + x) * alpha;
    store(c + x, accumulate ? load(c + x) + value : value);
  }
  if (x < columns) {
    const int left = int(columns - x);
    vf value = load(sums + x) * alpha;
    store_part(c + x, accumulate ? load_part(c + x, left) + value : value, left);
  }
}

template <class C>
static void tile_product(int64_t m, int64_t n, int64_t kp, const bf16* a, int64_t lda, const bf16* b, int64_t stride,
                         C* c, int64_t ldc, bool accumulate, float alpha) {
  alignas(64) float sums[32][32];
  tiles_configure();
  for (int64_t j = 0; j < n; j += 32) {
    const bf16* panels = b + j / kPanel * stride;
    const int64_t columns = least(32, n - j);
    for (int64_t i = 0; i < m; i += 32) {
      const int64_t rows = least(32, m - i);
      if constexpr (sizeof(C) == 4) {  // whole blocks of float go straight to C
        if (rows == 32 && columns == 32 && alpha == 1.0f) {
          tile_sums(kp, a + i * lda, lda, true, panels, stride, true, c + i * ldc + j, ldc, accumulate);
          continue;
        }
      }
      tile_sums_any(rows, kp, a + i * lda, lda, panels, stride, columns > 16, sums);
      for (int64_t r = 0; r < rows; r++) put_sums(sums[r], c + (i + r) * ldc + j, columns, accumulate, alpha);
    }
  }
}

}  // namespace pollux::POLLUX_NS
