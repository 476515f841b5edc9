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

// Sums of a 32 x 32 block (16 columns if one panel) over kp, into sums [32][32].
static inline void tile_sums(int64_t kp, const bf16* a, int64_t lda, bool two_rows, const bf16* b, int64_t stride,
                             bool two_panels, float (*sums)[32]) {
  POLLUX_TILE_ZERO(0);
  POLLUX_TILE_ZERO(1);
  POLLUX_TILE_ZERO(2);
  POLLUX_TILE_ZERO(3);
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
  POLLUX_TILE_STORE(0, sums[0], 128);
  if (two_panels) POLLUX_TILE_STORE(1, sums[0] + 16, 128);
  if (two_rows) POLLUX_TILE_STORE(2, sums[16], 128);
  if (two_rows && two_panels) POLLUX_TILE_STORE(3, sums[16] + 16, 128);
}

template <class C>
static void tile_product(int64_t m, int64_t n, int64_t kp, const bf16* a, int64_t lda, const bf16* b, int64_t stride,
                         C* c, int64_t ldc, bool accumulate, float alpha) {
  constexpr int64_t kSlice = 512;  // k of the padded copy of the last rows
  alignas(64) float sums[32][32], part[32][32];
  alignas(64) bf16 tail[32 * kSlice];
  tiles_configure();
  for (int64_t j = 0; j < n; j += 32) {
    const bf16* panels = b + j / kPanel * stride;
    bool two_panels = n - j > 16;
    for (int64_t i = 0; i < m; i += 32) {
      int64_t rows = least(32, m - i);
      if (rows == 32 || rows == 16) {
        tile_sums(kp, a + i * lda, lda, rows == 32, panels, stride, two_panels, sums);
      } else {
        for (int64_t k0 = 0; k0 < kp; k0 += kSlice) {
          int64_t width = least(kSlice, kp - k0);
          memset(tail, 0, sizeof tail);
          for (int64_t r = 0; r < rows; r++) memcpy(tail + r * kSlice, a + (i + r) * lda + k0, width * 2);
          tile_sums(width, tail, kSlice, rows > 16, panels + k0 * kPanel, stride, two_panels, k0 == 0 ? sums : part);
          if (k0 > 0)
            for (int64_t r = 0; r < rows; r++)
              for (int x = 0; x < (two_panels ? 32 : 16); x++) sums[r][x] += part[r][x];
        }
      }
      int64_t columns = least(32, n - j);
      for (int64_t r = 0; r < rows; r++) {
        C* out = c + (i + r) * ldc + j;
        int64_t x = 0;
        for (; x + kLanes <= columns; x += kLanes) {
          vf value = load(sums[r] + x) * alpha;
          store(out + x, accumulate ? load(out + x) + value : value);
        }
        if (x < columns) {
          int left = int(columns - x);
          vf value = load(sums[r] + x) * alpha;
          store_part(out + x, accumulate ? load_part(out + x, left) + value : value, left);
        }
      }
    }
  }
}

}  // namespace pollux::POLLUX_NS
