// Weights in 8 or 4 bits, as products read them.
//
// Columns stand in panels of 16 as in block_gemm.h, and k in chunks of 64: two groups of 32 numbers with a scale each.
//
//   panel   [chunk]                         (k padded to 64 with zeros)
//   chunk   scales [2 groups][16 columns] bf16, then the two groups' numbers           64 + 1024 or 64 + 512 bytes
//   group   8 bits: [8 steps][16 columns][4 of k], byte = q + 128                       weight = scale * q, |q| <= 127
//           4 bits: [4 pairs of steps][16 columns][4 of k], low half the first step's, q + 8      -8 <= q <= 7
//
// So a register holds 4 consecutive k of 16 columns, as vpdpbusd multiplies them with 4 bytes of a row of A, and a chunk is
// whole cache lines read once, one after the other. Rows of A are brought to bytes too, a scale for every 32: a product sums
// whole numbers exactly within a group, and groups in f32 in order of k. That sum is the same for one row as for many, so a
// token's result does not depend on what else is in the batch.
#pragma once
#include "kernels/block_gemm.h"

namespace pollux::POLLUX_NS {

constexpr int64_t kGroup = 32;
constexpr int64_t kChunk = 2 * kGroup;
constexpr int64_t kScaleBytes = 2 * kPanel * int64_t(sizeof(bf16));

static inline int64_t group_bytes(int bits) { return kGroup * kPanel * bits / 8; }
static inline int64_t chunk_bytes(int bits) { return kScaleBytes + 2 * group_bytes(bits); }
static inline int64_t quantised_panel_bytes(int bits, int64_t k) { return divide_up(k, kChunk) * chunk_bytes(bits); }

// Rows of A as bytes: row i has padded k bytes at q + i * ld, and for group g the scale and what its sum begins with (the
// offset of the weights' bytes times the sum of its bytes, negated) at [i * groups + g].
struct QuantisedRows {
  int8_t* q;
  float* scale;
  int32_t* start;
  int64_t ld, groups;
};

// Rows `first` .. `last` - 1 of src [rows, k].
template <class S> void quantise_rows(const S* src, int64_t k, int64_t first, int64_t last, int bits, QuantisedRows rows);

// C[rows, columns] = A B: row i of A is row index[i] (i without an index); columns from the first of `panel`.
template <class C>
void quantised_block(int bits, const QuantisedRows& a, const int32_t* index, int64_t rows, int64_t k, const uint8_t* panel,
                     int64_t columns, C* c, int64_t ldc);

}  // namespace pollux::POLLUX_NS
