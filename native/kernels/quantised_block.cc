// The product of bytes that quantised.h describes, on one thread, and how rows become bytes.
//
// Three forms of one sum: vpdpbusd on 16 columns at a time; on AVX2 8 columns at a time, where pairs are multiplied into 16 bits
// (weights made signed and taken times |a|, so that a pair cannot overflow); plain loops. All add whole numbers within a group,
// so they differ at most in how f32 is rounded.
#include "kernels/quantised.h"

namespace pollux::POLLUX_NS {
namespace {

// What a weight's byte is more than its number, where the product takes bytes as they are.
constexpr int kOffset8 = POLLUX_VNNI ? 128 : 0, kOffset4 = 8;

#if POLLUX_VNNI

// 6 rows by 2 panels, or up to 2 rows by 4: sums wait for nothing but the memory.
constexpr int kRows = 6, kPanels = 2, kThinRows = 2, kThinPanels = 4;

inline __m512 scales_of(const uint8_t* chunk, int64_t group) {
  __m256i bits = _mm256_loadu_si256((const __m256i*)(chunk + group * kPanel * 2));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

inline __m512i broadcast4(const int8_t* a) {
  int32_t word;
  memcpy(&word, a, 4);
  return _mm512_set1_epi32(word);
}

// One group of M rows and P panels onto the sums.
template <int BITS, int M, int P>
inline void group_sums(__m512 (&sum)[M][P], const QuantisedRows& a, const int64_t (&row)[M], int64_t group, const uint8_t* chunk,
                       int64_t stride) {
  __m512i whole[M][P], other[M][P];  // two chains of sums where few rows leave registers
  constexpr bool kTwo = M <= kThinRows;
  const int8_t* bytes[M];
  for (int i = 0; i < M; i++) {
    bytes[i] = a.q + row[i] * a.ld + group * kGroup;
    __m512i start = _mm512_set1_epi32(a.start[row[i] * a.groups + group]);
    for (int p = 0; p < P; p++) whole[i][p] = start, other[i][p] = _mm512_setzero_si512();
  }
  const uint8_t* data = chunk + kScaleBytes + (group & 1) * (kGroup * kPanel * BITS / 8);
  if constexpr (BITS == 8) {
    for (int step = 0; step < 8; step++) {
      __m512i w[P];
      for (int p = 0; p < P; p++) w[p] = _mm512_loadu_si512(data + p * stride + step * 64);
      for (int i = 0; i < M; i++) {
        __m512i x = broadcast4(bytes[i] + 4 * step);
        for (int p = 0; p < P; p++) {
          __m512i& sums = kTwo && step % 2 ? other[i][p] : whole[i][p];
          sums = _mm512_dpbusd_epi32(sums, w[p], x);
        }
      }
    }
  } else {
    const __m512i half = _mm512_set1_epi8(15);
    for (int pair = 0; pair < 4; pair++) {
      __m512i low[P], high[P];
      for (int p = 0; p < P; p++) {
        __m512i both = _mm512_loadu_si512(data + p * stride + pair * 64);
        low[p] = _mm512_and_si512(both, half);
        high[p] = _mm512_and_si512(_mm512_srli_epi16(both, 4), half);
      }
      for (int i = 0; i < M; i++) {
        __m512i x = broadcast4(bytes[i] + 8 * pair), y = broadcast4(bytes[i] + 8 * pair + 4);
        for (int p = 0; p < P; p++) {
          __m512i& sums = kTwo ? other[i][p] : whole[i][p];
          whole[i][p] = _mm512_dpbusd_epi32(whole[i][p], low[p], x);
          sums = _mm512_dpbusd_epi32(sums, high[p], y);
        }
      }
    }
  }
  for (int p = 0; p < P; p++) {
    __m512 scales = scales_of(chunk + p * stride, group & 1);
    for (int i = 0; i < M; i++) {
      if (kTwo) whole[i][p] = _mm512_add_epi32(whole[i][p], other[i][p]);
      __m512 both = _mm512_mul_ps(scales, _mm512_set1_ps(a.scale[row[i] * a.groups + group]));
      sum[i][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[i][p]), both, sum[i][p]);
    }
  }
}

template <int BITS, class C, int M, int P>
void tile(const QuantisedRows& a, const int64_t* rows, int64_t k, const uint8_t* panel, int64_t stride, int64_t columns, C* c, int64_t ldc) {
  int64_t row[M];
  for (int i = 0; i < M; i++) row[i] = rows[i];
  __m512 sum[M][P];
  for (int i = 0; i < M; i++)
    for (int p = 0; p < P; p++) sum[i][p] = _mm512_setzero_ps();
  const int64_t chunks = divide_up(k, kChunk);
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const uint8_t* at = panel + chunk * chunk_bytes(BITS);
    group_sums<BITS, M, P>(sum, a, row, 2 * chunk, at, stride);
    group_sums<BITS, M, P>(sum, a, row, 2 * chunk + 1, at, stride);
  }
  for (int i = 0; i < M; i++) {
    for (int p = 0; p < P; p++) {
      const int64_t left = columns - p * kPanel;
      C* to = c + i * ldc + p * kPanel;
      if (left >= kPanel)
        store(to, (vf)sum[i][p]);
      else if (left > 0)
        store_part(to, (vf)sum[i][p], int(left));
    }
  }
}

#elif defined(__AVX2__)

constexpr int kRows = 3, kPanels = 1;

inline __m256 scales_of(const uint8_t* chunk, int64_t group, int half) {
  __m128i bits = _mm_loadu_si128((const __m128i*)(chunk + (group * kPanel + half * 8) * 2));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

inline __m256i broadcast4(const int8_t* a) {
  int32_t word;
  memcpy(&word, a, 4);
  return _mm256_set1_epi32(word);
}

// Whole sums of one group, [M][2] of 8 columns.
template <int BITS, int M>
inline void group_whole(__m256i (&whole)[M][2], const int8_t* const (&bytes)[M], const uint8_t* data) {
  const __m256i ones = _mm256_set1_epi16(1);
  if constexpr (BITS == 8) {
    const __m256i sign = _mm256_set1_epi8(char(0x80));
    for (int step = 0; step < 8; step++) {
      __m256i w[2];
      for (int v = 0; v < 2; v++)
        w[v] = _mm256_xor_si256(_mm256_loadu_si256((const __m256i*)(data + step * 64 + v * 32)), sign);
      for (int i = 0; i < M; i++) {
        __m256i x = broadcast4(bytes[i] + 4 * step), size = _mm256_abs_epi8(x);
        for (int v = 0; v < 2; v++) {
          __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(w[v], x));
          whole[i][v] = _mm256_add_epi32(whole[i][v], _mm256_madd_epi16(pairs, ones));
        }
      }
    }
  } else {
    const __m256i half = _mm256_set1_epi8(15);
    __m256i pairs[M][2];  // 8 sums of at most 2 * 15 * 127 fit 16 bits
    for (int i = 0; i < M; i++) pairs[i][0] = pairs[i][1] = _mm256_setzero_si256();
    for (int pair = 0; pair < 4; pair++) {
      for (int v = 0; v < 2; v++) {
        __m256i both = _mm256_loadu_si256((const __m256i*)(data + pair * 64 + v * 32));
        __m256i low = _mm256_and_si256(both, half), high = _mm256_and_si256(_mm256_srli_epi16(both, 4), half);
        for (int i = 0; i < M; i++) {
          __m256i x = broadcast4(bytes[i] + 8 * pair), y = broadcast4(bytes[i] + 8 * pair + 4);
          pairs[i][v] = _mm256_add_epi16(pairs[i][v], _mm256_maddubs_epi16(low, x));
          pairs[i][v] = _mm256_add_epi16(pairs[i][v], _mm256_maddubs_epi16(high, y));
        }
      }
    }
    for (int i = 0; i < M; i++)
      for (int v = 0; v < 2; v++) whole[i][v] = _mm256_add_epi32(whole[i][v], _mm256_madd_epi16(pairs[i][v], ones));
  }
}

template <int BITS, class C, int M, int P>
void tile(const QuantisedRows& a, const int64_t* rows, int64_t k, const uint8_t* panel, int64_t stride, int64_t columns, C* c, int64_t ldc) {
  __m256 sum[M][2];
  for (int i = 0; i < M; i++) sum[i][0] = sum[i][1] = _mm256_setzero_ps();
  const int64_t groups = 2 * divide_up(k, kChunk);
  for (int64_t group = 0; group < groups; group++) {
    const uint8_t* chunk = panel + group / 2 * chunk_bytes(BITS);
    const int8_t* bytes[M];
    __m256i whole[M][2];
    for (int i = 0; i < M; i++) {
      bytes[i] = a.q + rows[i] * a.ld + group * kGroup;
      whole[i][0] = whole[i][1] = _mm256_set1_epi32(a.start[rows[i] * a.groups + group]);
    }
    group_whole<BITS, M>(whole, bytes, chunk + kScaleBytes + (group & 1) * (kGroup * kPanel * BITS / 8));
    for (int v = 0; v < 2; v++) {
      __m256 scales = scales_of(chunk, group & 1, v);
      for (int i = 0; i < M; i++) {
        __m256 both = _mm256_mul_ps(scales, _mm256_set1_ps(a.scale[rows[i] * a.groups + group]));
        sum[i][v] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[i][v]), both, sum[i][v]);
      }
    }
  }
  for (int i = 0; i < M; i++) {
    float out[kPanel];
    memcpy(out, sum[i], sizeof out);
    for (int64_t j = 0; j < least(kPanel, columns); j++) c[i * ldc + j] = from_float<C>(out[j]);
  }
}

#else

constexpr int kRows = 1, kPanels = 1;

inline float scale_at(const uint8_t* chunk, int64_t group, int64_t column) {
  bf16 scale;
  memcpy(&scale, chunk + (group * kPanel + column) * 2, 2);
  return to_float(scale);
}

inline int32_t weight_at(int bits, const uint8_t* data, int64_t kk, int64_t column) {
  const int64_t step = kk / 4, lane = column * 4 + kk % 4;
  if (bits == 8) return int32_t(data[step * 64 + lane]) - 128;
  return (data[step / 2 * 64 + lane] >> (step % 2 * 4)) & 15;
}

// The reference: one column at a time, whole numbers within a group, groups in order.
template <int BITS, class C, int M, int P>
void tile(const QuantisedRows& a, const int64_t* rows, int64_t k, const uint8_t* panel, int64_t stride, int64_t columns, C* c, int64_t ldc) {
  const int64_t groups = 2 * divide_up(k, kChunk), row = rows[0];
  float sum[kPanel] = {};
  for (int64_t group = 0; group < groups; group++) {
    const uint8_t* chunk = panel + group / 2 * chunk_bytes(BITS);
    const uint8_t* data = chunk + kScaleBytes + (group & 1) * (kGroup * kPanel * BITS / 8);
    const int8_t* bytes = a.q + row * a.ld + group * kGroup;
    for (int64_t j = 0; j < kPanel; j++) {
      int32_t whole = a.start[row * a.groups + group];
      for (int64_t kk = 0; kk < kGroup; kk++) whole += weight_at(BITS, data, kk, j) * int32_t(bytes[kk]);
      sum[j] += float(whole) * (scale_at(chunk, group & 1, j) * a.scale[row * a.groups + group]);
    }
  }
  for (int64_t j = 0; j < least(kPanel, columns); j++) c[j] = from_float<C>(sum[j]);
}

#endif

template <class C> using TileFunction = void (*)(const QuantisedRows&, const int64_t*, int64_t, const uint8_t*, int64_t, int64_t, C*, int64_t);

template <int BITS, class C, int P> inline TileFunction<C> tile_of(int64_t rows) {
#if POLLUX_VNNI
  static constexpr TileFunction<C> tiles[kRows] = {tile<BITS, C, 1, P>, tile<BITS, C, 2, P>, tile<BITS, C, 3, P>,
                                                   tile<BITS, C, 4, P>, tile<BITS, C, 5, P>, tile<BITS, C, 6, P>};
#elif defined(__AVX2__)
  static constexpr TileFunction<C> tiles[kRows] = {tile<BITS, C, 1, P>, tile<BITS, C, 2, P>, tile<BITS, C, 3, P>};
#else
  static constexpr TileFunction<C> tiles[kRows] = {tile<BITS, C, 1, P>};
#endif
  return tiles[rows - 1];
}

template <int BITS, class C>
void block(const QuantisedRows& a, const int32_t* index, int64_t rows, int64_t k, const uint8_t* panel, int64_t columns, C* c, int64_t ldc) {
  const int64_t stride = quantised_panel_bytes(BITS, k), panels = divide_up(columns, kPanel);
  for (int64_t i = 0; i < rows;) {
    const int64_t left = rows - i, count = left > kRows && left < 2 * kRows ? divide_up(left, 2) : least(left, kRows);
    int64_t row[kRows] = {};
    for (int64_t r = 0; r < count; r++) row[r] = index ? int64_t(index[i + r]) : i + r;
    int64_t p = 0;
#if POLLUX_VNNI
    for (; count <= kThinRows && p + kThinPanels <= panels; p += kThinPanels) {
      const auto run = count == 1 ? tile<BITS, C, 1, kThinPanels> : tile<BITS, C, 2, kThinPanels>;
      run(a, row, k, panel + p * stride, stride, columns - p * kPanel, c + i * ldc + p * kPanel, ldc);
    }
#endif
    for (; p < panels; p += kPanels) {
      const auto run = p + kPanels <= panels ? tile_of<BITS, C, kPanels>(count) : tile_of<BITS, C, 1>(count);
      run(a, row, k, panel + p * stride, stride, columns - p * kPanel, c + i * ldc + p * kPanel, ldc);
    }
    i += count;
  }
}

// ---- rows to bytes -----------------------------------------------------------------------------------

constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer, ties to even

#if POLLUX_SCALAR

inline float size_of(float x) { return x < 0 ? -x : x; }

// One group of n <= 32 numbers. Of one that is not finite the scale is NaN, and so is what comes of it.
template <class S> inline float quantise_group(const S* src, int64_t n, int8_t* q, int32_t* sum) {
  float x[kGroup], most = 0, broken = 0;
  for (int64_t i = 0; i < kGroup; i++) {
    x[i] = i < n ? to_float(src[i]) : 0;
    most = size_of(x[i]) > most ? size_of(x[i]) : most;
    broken += x[i] - x[i];
  }
  const float inverse = most > 0 ? 127.0f / most : 0;
  *sum = 0;
  for (int64_t i = 0; i < kGroup; i++) {
    float shifted = x[i] * inverse + kRound;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    q[i] = int8_t(bits - 0x4b400000);
    *sum += q[i];
  }
  return most / 127.0f + broken;
}

#else

typedef int8_t vb __attribute__((vector_size(kLanes)));

template <class S> inline float quantise_group(const S* src, int64_t n, int8_t* q, int32_t* sum) {
  constexpr int kParts = kGroup / kLanes;
  vf x[kParts], most = {}, broken = {};
  for (int v = 0; v < kParts; v++) {
    const int64_t left = n - v * kLanes;
    x[v] = left >= kLanes ? load(src + v * kLanes) : left > 0 ? load_part(src + v * kLanes, int(left)) : vf{};
    most = max(most, (vf)((vu)x[v] & 0x7fffffffu));
    broken += x[v] - x[v];
  }
  const float largest = reduce_max(most), inverse = largest > 0 ? 127.0f / largest : 0;
  vi total = {};
  for (int v = 0; v < kParts; v++) {
    vi whole = (vi)(x[v] * inverse + kRound) - 0x4b400000;
    total += whole;
    vb bytes = __builtin_convertvector(whole, vb);
    memcpy(q + v * kLanes, &bytes, sizeof bytes);
  }
  int32_t lanes[kLanes];
  memcpy(lanes, &total, sizeof lanes);
  *sum = 0;
  for (int i = 0; i < kLanes; i++) *sum += lanes[i];
  return largest / 127.0f + reduce_add(broken);
}

#endif

}  // namespace

template <class S> void quantise_rows(const S* src, int64_t k, int64_t first, int64_t last, int bits, QuantisedRows rows) {
  const int32_t offset = bits == 8 ? kOffset8 : kOffset4;
  for (int64_t i = first; i < last; i++) {
    for (int64_t group = 0; group < rows.groups; group++) {
      int64_t from = group * kGroup, n = k - from < 0 ? 0 : least(kGroup, k - from);
      int32_t sum;
      rows.scale[i * rows.groups + group] = quantise_group(src + i * k + from, n, rows.q + i * rows.ld + from, &sum);
      rows.start[i * rows.groups + group] = -offset * sum;
    }
  }
}

template <class C>
void quantised_block(int bits, const QuantisedRows& a, const int32_t* index, int64_t rows, int64_t k, const uint8_t* panel,
                     int64_t columns, C* c, int64_t ldc) {
  if (bits == 8)
    block<8, C>(a, index, rows, k, panel, columns, c, ldc);
  else
    block<4, C>(a, index, rows, k, panel, columns, c, ldc);
}

#define POLLUX_QUANTISED(T)                                                                                    \
  template void quantise_rows<T>(const T*, int64_t, int64_t, int64_t, int, QuantisedRows);                     \
  template void quantised_block<T>(int, const QuantisedRows&, const int32_t*, int64_t, int64_t, const uint8_t*, int64_t, T*, int64_t);
POLLUX_QUANTISED(float)
POLLUX_QUANTISED(bf16)

}  // namespace pollux::POLLUX_NS
