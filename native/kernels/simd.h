// A vector of floats as wide as the instruction set's register, and what kernels do with it.
//
// Written on the vector extension of GCC and Clang, so the same lines serve AVX2, AVX-512 and NEON;
// only where a dedicated instruction is much better (bf16 rounding, reciprocal) is an intrinsic used.
// load/store convert bf16 on the way: kernels compute in float32 whatever the arrays hold.
#pragma once
#include <string.h>
#include "kernels/isa.h"
#include "kernels/types.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pollux::POLLUX_NS {

#if POLLUX_AVX512
constexpr int kLanes = 16;
#elif defined(POLLUX_ISA_AVX2) || defined(POLLUX_ISA_AMXEMU)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float vf __attribute__((vector_size(kLanes * 4)));
typedef int32_t vi __attribute__((vector_size(kLanes * 4)));
typedef uint32_t vu __attribute__((vector_size(kLanes * 4)));
typedef uint16_t vh __attribute__((vector_size(kLanes * 2)));

// ---- scalar conversions (also used by the scalar twins) ------------------------------------------

static inline float to_float(bf16 x) {
  uint32_t bits = uint32_t(x) << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
static inline float to_float(float x) { return x; }

// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
static inline bf16 to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return bf16((bits >> 16) | 0x40);
  return bf16((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}
template <class T> static inline T from_float(float x);
template <> inline float from_float<float>(float x) { return x; }
template <> inline bf16 from_float<bf16>(float x) { return to_bf16(x); }

// ---- load and store ------------------------------------------------------------------------------

static inline vf splat(float x) {
#if POLLUX_AVX512
  return (vf)_mm512_set1_ps(x);  // straight from memory, unlike 0 + x, which must keep the sign of zero
#else
  vf v;
  for (int i = 0; i < kLanes; i++) v[i] = x;
  return v;
#endif
}

static inline vf load(const float* p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline vf widen(vh h) {
  vu u = __builtin_convertvector(h, vu) << 16;
  return (vf)u;
}
static inline vf load(const bf16* p) {
  vh h;
  memcpy(&h, p, sizeof h);
  return widen(h);
}
static inline vh narrow(vf v) {
#if POLLUX_BF16_DOT
  return (vh)_mm512_cvtneps_pbh((__m512)v);
#else
  vu bits = (vu)v;
  vu rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
  vu quiet = (bits >> 16) | 0x40;
  vu is_nan = (vu)((bits & 0x7fffffffu) > 0x7f800000u);
  return __builtin_convertvector((quiet & is_nan) | (rounded & ~is_nan), vh);
#endif
}
static inline void store(float* p, vf v) { memcpy(p, &v, sizeof v); }
static inline void store(bf16* p, vf v) {
  vh h = narrow(v);
  memcpy(p, &h, sizeof h);
}
// The first n (< kLanes) elements; the other lanes read as zero and are not written.
#if POLLUX_AVX512
static inline vf load_part(const float* p, int n) { return (vf)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p); }
static inline vf load_part(const bf16* p, int n) {
  return widen((vh)_mm256_maskz_loadu_epi16(__mmask16((1u << n) - 1), p));
}
static inline void store_part(float* p, vf v, int n) { _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v); }
static inline void store_part(bf16* p, vf v, int n) {
  _mm256_mask_storeu_epi16(p, __mmask16((1u << n) - 1), (__m256i)narrow(v));
}
#else
template <class T> static inline vf load_part(const T* p, int n) {
  T buffer[kLanes] = {};
  memcpy(buffer, p, sizeof(T) * n);
  return load(buffer);
}
template <class T> static inline void store_part(T* p, vf v, int n) {
  T buffer[kLanes];
  store(buffer, v);
  memcpy(p, buffer, sizeof(T) * n);
}
#endif

// ---- arithmetic ----------------------------------------------------------------------------------

static inline vf select(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
static inline vf max(vf a, vf b) { return select(a > b, a, b); }
static inline vf min(vf a, vf b) { return select(a < b, a, b); }

// Sums the lanes pairwise: the order depends on kLanes only.
static inline float reduce_add(vf v) {
#if POLLUX_AVX512
  return _mm512_reduce_add_ps((__m512)v);  // the same order
#endif
  float x[kLanes];
  memcpy(x, &v, sizeof v);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) x[i] += x[i + width];
  return x[0];
}
static inline float reduce_max(vf v) {
  float x[kLanes];
  memcpy(x, &v, sizeof v);
  for (int i = 1; i < kLanes; i++) x[0] = x[i] > x[0] ? x[i] : x[0];
  return x[0];
}

// Named so that it does not hide the sqrt of math.h inside this namespace.
static inline vf square_root(vf v) {
#if POLLUX_AVX512
  return (vf)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX__)
  return (vf)_mm256_sqrt_ps((__m256)v);
#else
  for (int i = 0; i < kLanes; i++) v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}

// e^x by range reduction to |r| <= ln2/2 and a degree-6 polynomial (Cephes expf coefficients);
// relative error below 2e-7 on [-87, 88]. Below -87 the result is 0, above 88 it saturates at e^88.
static inline vf exp(vf x) {
  vf clamped = min(splat(88.0f), max(splat(-87.33654f), x));  // in this order a NaN passes
  vf shifted = clamped * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: rounds to the nearest integer
  vi n = (vi)shifted - 0x4b400000;
  vf t = shifted - 12582912.0f;
  vf r = clamped - t * 0.693359375f;
  r = r + t * 2.12194440e-4f;
  vf p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  vf scaled = (vf)((vi)p + (n << 23));
  return select(x < splat(-87.33654f), vf{}, scaled);
}

// tanh(x) = 1 - 2 / (e^{2x} + 1); absolute error below 2e-7.
static inline vf tanh(vf x) { return 1.0f - 2.0f / (exp(2.0f * x) + 1.0f); }

// Calls body(i, tag) with the C++ type of the dtype: DISPATCH(x.dtype, T, { ... uses T ... })
#define POLLUX_DISPATCH(dtype, T, ...)         \
  do {                                         \
    if ((dtype) == F32) {                      \
      using T = float;                         \
      __VA_ARGS__;                             \
    } else {                                   \
      using T = bf16;                          \
      __VA_ARGS__;                             \
    }                                          \
  } while (0)

}  // namespace pollux::POLLUX_NS
