// Transposes a 16 x 16 block of 32-bit words: what packing needs wherever rows become columns.
// A word is a float, or a pair of bf16.
#pragma once
#include "kernels/simd.h"

namespace pollux::POLLUX_NS {

#if POLLUX_AVX512

// Four rounds of exchanges between registers (distance 1, 2 words inside 128-bit lanes; then 1, 2 lanes).
static inline void transpose16(const uint32_t (*src)[16], uint32_t* dst, int64_t dst_ld) {
  __m512i r[16], t[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(src[i]);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; i++) {
    _mm512_storeu_si512(dst + i * dst_ld, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
    _mm512_storeu_si512(dst + (i + 8) * dst_ld, _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
  }
}

#else

static inline void transpose16(const uint32_t (*src)[16], uint32_t* dst, int64_t dst_ld) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) dst[j * dst_ld + i] = src[i][j];
}

#endif

}  // namespace pollux::POLLUX_NS
