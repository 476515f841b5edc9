// Packing for block_gemm.h: both operands, from either orientation, through an index, converting on the way.
#include "kernels/block_gemm.h"
#include "kernels/transpose.h"

namespace pollux::POLLUX_NS {
namespace {

template <class T> struct Word;  // how many elements of T share one 32-bit word
template <> struct Word<float> { static constexpr int elements = 1; };
template <> struct Word<bf16> { static constexpr int elements = 2; };

inline void copy16(const float* src, float* dst) { memcpy(dst, src, 64); }
inline void copy16(const bf16* src, bf16* dst) { memcpy(dst, src, 32); }
template <class S, class T> inline void copy16(const S* src, T* dst) {
  for (int i = 0; i < 16; i += kLanes) store(dst + i, load(src + i));
}

// n elements of src, converted, then zeros up to `total`.
template <class T, class S> inline void copy_row(const S* src, int64_t n, int64_t total, T* dst) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) copy16(src + i, dst + i);
  for (; i < n; i++) dst[i] = from_float<T>(to_float(src[i]));
  for (; i < total; i++) dst[i] = T(0);
}

inline void interleave16(const bf16* even, const bf16* odd, bf16* dst) {
#if POLLUX_AVX512
  __m256i a = _mm256_loadu_si256((const __m256i*)even), b = _mm256_loadu_si256((const __m256i*)odd);
  __m512i low = _mm512_cvtepu16_epi32(a), high = _mm512_cvtepu16_epi32(b);
  _mm512_storeu_si512(dst, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
#else
  for (int j = 0; j < 16; j++) {
    dst[2 * j] = even[j];
    dst[2 * j + 1] = odd[j];
  }
#endif
}

// 16 columns of row kk, from column j0: converted, zeros outside the matrix.
template <class T, class S>
inline void load16(const S* src, int64_t ld, const int32_t* index, int64_t kk, int64_t k, int64_t j0, int64_t n, T* dst) {
  if (kk >= k) {
    memset(dst, 0, 16 * sizeof(T));
    return;
  }
  const S* row = src + (index ? int64_t(index[kk]) : kk) * ld + j0;
  if (j0 + 16 <= n)
    copy16(row, dst);
  else
    copy_row(row, n - j0, 16, dst);
}

// A 16 x (16 words) block whose row i is `rows` source row i, from element e0: for transposing.
template <class T, class S>
inline void gather_block(const S* src, int64_t ld, int64_t rows, int64_t e0, int64_t total, uint32_t (*block)[16]) {
  constexpr int elements = 16 * Word<T>::elements;
  int64_t n = least(elements, total - e0);
  for (int64_t i = 0; i < 16; i++) {
    if (i < rows)
      copy_row(src + i * ld + e0, n, elements, (T*)block[i]);
    else
      memset(block[i], 0, 64);
  }
}

}  // namespace

template <class T, class S>
void pack_b(const S* src, int64_t ld, const int32_t* index, int64_t k, int64_t n, int64_t first, int64_t last, T* dst) {
  // A few rows at a time: a cache line of src serves two panels or more before it leaves L1.
  constexpr int64_t kRowsAtOnce = 32;
  int64_t kp = padded_k<T>(k);
  for (int64_t k0 = 0; k0 < kp; k0 += kRowsAtOnce) {
    int64_t k1 = least(k0 + kRowsAtOnce, kp);
    for (int64_t p = first; p < last; p++) {
      T* panel = dst + p * kp * kPanel;
      int64_t j0 = p * kPanel;
      if constexpr (sizeof(T) == 4) {
        for (int64_t kk = k0; kk < k1; kk++) load16(src, ld, index, kk, k, j0, n, panel + kk * kPanel);
      } else {
        bf16 even[16], odd[16];
        for (int64_t kk = k0; kk < k1; kk += 2) {
          if constexpr (sizeof(S) == 2) {
            if (j0 + 16 <= n && kk + 1 < k) {  // as it stands, without the way through `even` and `odd`
              const S *a = src + (index ? int64_t(index[kk]) : kk) * ld, *b = src + (index ? int64_t(index[kk + 1]) : kk + 1) * ld;
              interleave16(a + j0, b + j0, (bf16*)panel + kk * kPanel);
              continue;
            }
          }
          load16(src, ld, index, kk, k, j0, n, even);
          load16(src, ld, index, kk + 1, k, j0, n, odd);
          interleave16(even, odd, (bf16*)panel + kk * kPanel);
        }
      }
    }
  }
}

template <class T, class S>
void pack_bt(const S* src, int64_t ld, int64_t k, int64_t n, int64_t first, int64_t last, T* dst) {
  constexpr int elements = 16 * Word<T>::elements;
  int64_t kp = padded_k<T>(k);
  alignas(64) uint32_t block[16][16], turned[16][16];
  for (int64_t p = first; p < last; p++) {
    T* panel = dst + p * kp * kPanel;
    int64_t j0 = p * kPanel;
    for (int64_t e0 = 0; e0 < kp; e0 += elements) {
      gather_block<T>(src + j0 * ld, ld, n - j0, e0, k, block);
      if (e0 + elements <= kp) {
        transpose16(block, (uint32_t*)(panel + e0 * kPanel), 16);
      } else {  // float with k not a multiple of 16
        transpose16(block, turned[0], 16);
        memcpy(panel + e0 * kPanel, turned, size_t(kp - e0) * kPanel * sizeof(T));
      }
    }
  }
}

template <class T, class S>
void pack_a(const S* src, int64_t ld, const int32_t* index, int64_t m, int64_t k, T* dst, int64_t dst_ld) {
  int64_t kp = padded_k<T>(k);
  if (dst_ld == 0) dst_ld = kp;
  for (int64_t i = 0; i < m; i++) copy_row(src + (index ? int64_t(index[i]) : i) * ld, k, kp, dst + i * dst_ld);
}

template <class T, class S>
void pack_at(const S* src, int64_t ld, const int32_t* index, int64_t m, int64_t k, T* dst, int64_t dst_ld) {
  constexpr int words = Word<T>::elements;
  int64_t kp = padded_k<T>(k);
  if (dst_ld == 0) dst_ld = kp;
  alignas(64) uint32_t block[16][16], turned[16][16];
  for (int64_t e0 = 0; e0 < kp; e0 += 16 * words) {
    for (int64_t i0 = 0; i0 < m; i0 += 16) {
      for (int w = 0; w < 16; w++) {
        int64_t kk = e0 + w * words;
        if constexpr (words == 1) {
          load16(src, ld, index, kk, k, i0, m, (T*)block[w]);
        } else {
          bf16 even[16], odd[16];
          load16(src, ld, index, kk, k, i0, m, even);
          load16(src, ld, index, kk + 1, k, i0, m, odd);
          interleave16(even, odd, (bf16*)block[w]);
        }
      }
      if (i0 + 16 <= m && e0 + 16 * words <= kp) {
        transpose16(block, (uint32_t*)(dst + i0 * dst_ld + e0), dst_ld / words);
      } else {
        transpose16(block, turned[0], 16);
        int64_t count = least(16 * words, kp - e0);
        for (int64_t i = i0; i < least(i0 + 16, m); i++) memcpy(dst + i * dst_ld + e0, turned[i - i0], count * sizeof(T));
      }
    }
  }
}

#define POLLUX_PACK(T, S)                                                                                         \
  template void pack_b<T, S>(const S*, int64_t, const int32_t*, int64_t, int64_t, int64_t, int64_t, T*);          \
  template void pack_bt<T, S>(const S*, int64_t, int64_t, int64_t, int64_t, int64_t, T*);                         \
  template void pack_a<T, S>(const S*, int64_t, const int32_t*, int64_t, int64_t, T*, int64_t);                   \
  template void pack_at<T, S>(const S*, int64_t, const int32_t*, int64_t, int64_t, T*, int64_t);
POLLUX_PACK(float, float)
POLLUX_PACK(float, bf16)
#if POLLUX_BF16_DOT || POLLUX_TILES
POLLUX_PACK(bf16, float)
POLLUX_PACK(bf16, bf16)
#endif

}  // namespace pollux::POLLUX_NS
