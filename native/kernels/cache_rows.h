// Rows of the key-value cache: where a page keeps them, and how they are written, read and brought to the type of a product.
#pragma once
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {

// Where a page keeps what: [part][head][token][C] numbers, then for int8 their scales [part][head][token] as floats.
static inline int64_t parts_of(const CacheArgs& a) { return a.values_only ? 1 : 2; }
static inline int64_t row_number(const CacheArgs& a, int64_t part, int64_t head, int64_t slot) {
  return (part * a.kv_heads + head) * a.page_tokens + slot;
}
static inline char* page_of(const CacheArgs& a, int64_t page) { return (char*)a.pages[page]; }
static inline float* scales_of(const CacheArgs& a, char* page) {
  return (float*)(page + parts_of(a) * a.kv_heads * a.page_tokens * a.head_dim);
}

template <class T> constexpr CacheDtype kSame = sizeof(T) == 4 ? CACHE_F32 : CACHE_BF16;

#if POLLUX_SCALAR

template <class S, class D> static inline void convert_row(const S* src, int64_t n, D* dst) {
  for (int64_t i = 0; i < n; i++) dst[i] = from_float<D>(to_float(src[i]));
}

template <class D> static inline void scale_bytes(const int8_t* src, int64_t n, float scale, D* dst) {
  for (int64_t i = 0; i < n; i++) dst[i] = from_float<D>(float(src[i]) * scale);
}

// A value row becomes a key: times w, turned by the angle whose cosine and sine are the sum of two (block and slot).
template <class T>
static inline void turn_row(const T* v, const float* w, const float* cos1, const float* sin1, const float* cos2, const float* sin2, int64_t n,
              T* k) {
  const int64_t half = n / 2;
  for (int64_t i = 0; i < half; i++) {
    const float c = cos1[i] * cos2[i] - sin1[i] * sin2[i], s = sin1[i] * cos2[i] + cos1[i] * sin2[i];
    const float x = to_float(v[i]) * w[i], y = to_float(v[i + half]) * w[i + half];
    k[i] = from_float<T>(x * c - y * s);
    k[i + half] = from_float<T>(y * c + x * s);
  }
}

#else

template <class S, class D> static inline void convert_row(const S* src, int64_t n, D* dst) {
  for_lanes(n, [&](int64_t i, int lanes) { write(dst + i, read(src + i, lanes), lanes); });
}

static inline vf load_bytes(const int8_t* p) {
#if POLLUX_AVX512
  return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p)));
#elif defined(__AVX2__)
  return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)));
#else
  vf v;
  for (int i = 0; i < kLanes; i++) v[i] = float(p[i]);
  return v;
#endif
}

template <class D> static inline void scale_bytes(const int8_t* src, int64_t n, float scale, D* dst) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dst + i, load_bytes(src + i) * scale);
  for (; i < n; i++) dst[i] = from_float<D>(float(src[i]) * scale);
}

template <class T>
static inline void turn_row(const T* v, const float* w, const float* cos1, const float* sin1, const float* cos2, const float* sin2, int64_t n,
              T* k) {
  const int64_t half = n / 2;
  for_lanes(half, [&](int64_t i, int lanes) {
    const vf c1 = read(cos1 + i, lanes), s1 = read(sin1 + i, lanes), c2 = read(cos2 + i, lanes), s2 = read(sin2 + i, lanes);
    const vf c = c1 * c2 - s1 * s2, s = s1 * c2 + c1 * s2;
    const vf x = read(v + i, lanes) * read(w + i, lanes), y = read(v + i + half, lanes) * read(w + i + half, lanes);
    write(k + i, x * c - y * s, lanes);
    write(k + i + half, y * c + x * s, lanes);
  });
}

#endif

template <class S> static inline void write_bytes(const S* src, int64_t n, int8_t* dst, float* scale) {
  float largest = 0;
  for (int64_t i = 0; i < n; i++) {
    const float x = fabsf(to_float(src[i]));
    largest = x > largest ? x : largest;
  }
  *scale = largest / 127;
  const float inverse = largest > 0 ? 127 / largest : 0;
  for (int64_t i = 0; i < n; i++) dst[i] = int8_t(nearbyintf(to_float(src[i]) * inverse));
}

static inline void write_part(const CacheArgs& a, View x, int64_t part, int64_t row, int64_t token) {
  const int64_t c = a.head_dim, slot = token % a.page_tokens;
  char* page = page_of(a, token / a.page_tokens);
  POLLUX_DISPATCH(x.dtype, S, {
    for (int64_t head = 0; head < a.kv_heads; head++) {
      const S* src = (const S*)x.data + (row * a.kv_heads + head) * c;
      const int64_t at = row_number(a, part, head, slot);
      if (a.dtype == CACHE_INT8)
        write_bytes(src, c, (int8_t*)page + at * c, scales_of(a, page) + at);
      else if (a.dtype == CACHE_BF16)
        convert_row(src, c, (bf16*)page + at * c);
      else
        convert_row(src, c, (float*)page + at * c);
    }
  });
}

// Rows of n tokens from token j0 on (the first of a page) as T: in place where they are so in one page, else in `staged`.
template <class T> static inline const T* read_rows(const CacheArgs& a, int64_t part, int64_t head, int64_t j0, int64_t n, T* staged) {
  const int64_t c = a.head_dim, first = row_number(a, part, head, 0);
  if (a.dtype == kSame<T> && n <= a.page_tokens) return (const T*)page_of(a, j0 / a.page_tokens) + first * c;
  for (int64_t t = 0; t < n; t += a.page_tokens) {
    const int64_t count = least(a.page_tokens, n - t);
    char* page = page_of(a, (j0 + t) / a.page_tokens);
    T* dst = staged + t * c;
    if (a.dtype == CACHE_INT8) {
      const float* scales = scales_of(a, page) + first;
      for (int64_t r = 0; r < count; r++) scale_bytes((const int8_t*)page + (first + r) * c, c, scales[r], dst + r * c);
    } else if (a.dtype == CACHE_BF16) {
      convert_row((const bf16*)page + first * c, count * c, dst);
    } else {
      convert_row((const float*)page + first * c, count * c, dst);
    }
  }
  return staged;
}

}  // namespace pollux::POLLUX_NS
