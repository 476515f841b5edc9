// Weights of 8 and 4 bits (quantised.h): packing them, and products of rows with one matrix or with each expert's own.
//
// A product first brings the rows of A to bytes, once, then cuts C into blocks of columns by rows, one task each: for a few rows
// narrow ones, so that threads share the reading of the weights, which is all that takes time then; for many as wide as stay in
// L2. Only matrices of groups that have rows are touched.
#include "kernels/quantised.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

inline float size_of(float x) { return x < 0 ? -x : x; }

inline int32_t nearest(float x) { return int32_t(x < 0 ? x - 0.5f : x + 0.5f); }

// Column j of group `group` of w [n, k]: its scale, and its numbers in place. The numbers are taken relative to the scale as
// it is stored, in bf16.
template <class S> void pack_column(const S* row, int64_t k, int64_t group, int64_t j, int bits, uint8_t* chunk) {
  const int64_t from = group * kGroup, n = k - from < 0 ? 0 : least(kGroup, k - from);
  float most = 0;  // the number of largest size, with its sign
  for (int64_t i = 0; i < n; i++) {
    float x = to_float(row[from + i]);
    if (size_of(x) > size_of(most)) most = x;
  }
  const bf16 stored = to_bf16(bits == 8 ? size_of(most) / 127.0f : most / -8.0f);
  const float scale = to_float(stored), inverse = scale != 0 ? 1.0f / scale : 0;
  memcpy(chunk + ((group & 1) * kPanel + j) * 2, &stored, 2);
  uint8_t* data = chunk + kScaleBytes + (group & 1) * group_bytes(bits);
  for (int64_t i = 0; i < kGroup; i++) {
    const int32_t q = i < n ? nearest(to_float(row[from + i]) * inverse) : 0;
    const int64_t step = i / 4, lane = j * 4 + i % 4;
    if (bits == 8)
      data[step * 64 + lane] = uint8_t((q > 127 ? 127 : q < -127 ? -127 : q) + 128);
    else
      data[step / 2 * 64 + lane] |= uint8_t(((q > 7 ? 7 : q < -8 ? -8 : q) + 8) << (step % 2 * 4));
  }
}

template <class S> void pack_panel(const S* w, int64_t n, int64_t k, int64_t first, int bits, uint8_t* panel) {
  const int64_t groups = 2 * divide_up(k, kChunk);
  memset(panel, 0, size_t(quantised_panel_bytes(bits, k)));
  for (int64_t group = 0; group < groups; group++) {
    uint8_t* chunk = panel + group / 2 * chunk_bytes(bits);
    // columns beyond n: no numbers, of scale 0
    for (int64_t j = 0; j < kPanel; j++) {
      const bool real = first + j < n;
      pack_column(w + (real ? (first + j) * k : 0), real ? k : 0, group, j, bits, chunk);
    }
  }
}

constexpr int64_t kFewRows = 16;

template <class S> void quantise_all(const S* src, int64_t k, int64_t rows, int bits, QuantisedRows out) {
  constexpr int64_t kRowsPerTask = 4;
  parallel_for(divide_up(rows, kRowsPerTask), [&](int64_t task, int) {
    quantise_rows(src, k, task * kRowsPerTask, least((task + 1) * kRowsPerTask, rows), bits, out);
  });
}

struct Block {
  int64_t group, first, rows;
};

// Blocks of rows of all groups; their number.
int64_t list_blocks(const QuantisedArgs& g, int64_t most, Block* blocks) {
  int64_t count = 0;
  for (int64_t e = 0; e < g.groups; e++) {
    const int64_t from = g.offsets ? g.offsets[e] : 0, to = g.offsets ? g.offsets[e + 1] : g.rows;
    for (int64_t i = from; i < to; i += most) blocks[count++] = {e, i, least(most, to - i)};
  }
  return count;
}

template <class C> void multiply_all(const QuantisedArgs& g, const QuantisedRows& a) {
  const int64_t panel = quantised_panel_bytes(g.bits, g.k), matrix = panel * divide_up(g.n, kPanel);
  const int64_t rows = g.offsets ? g.offsets[g.groups] : g.rows;
  const int64_t block_rows = 96, columns = (rows <= kFewRows * g.groups ? 4 : 8) * kPanel, slices = divide_up(g.n, columns);
  Block* blocks = (Block*)shared_scratch(1, size_t(rows / block_rows + g.groups + 1) * sizeof(Block));
  const int64_t count = list_blocks(g, block_rows, blocks);
  parallel_for(count * slices, [&](int64_t task, int) {
    const Block& block = blocks[task / slices];
    const int64_t j = task % slices * columns;
    // without an index, rows of A are those of C
    QuantisedRows own = a;
    if (g.a_index == nullptr) {
      own.q += block.first * a.ld;
      own.scale += block.first * a.groups;
      own.start += block.first * a.groups;
    }
    quantised_block(g.bits, own, g.a_index ? g.a_index + block.first : nullptr, block.rows, g.k,
                    (const uint8_t*)g.packed + block.group * matrix + j / kPanel * panel, least(columns, g.n - j),
                    (C*)g.c.data + block.first * g.n + j, g.n);
  });
}

}  // namespace

size_t quantised_bytes(int64_t bits, int64_t k, int64_t n) {
  return size_t(divide_up(n, kPanel) * quantised_panel_bytes(int(bits), k));
}

void quantised_pack(View src, int64_t n, int64_t k, int64_t batch, int64_t bits, void* packed) {
  const int64_t panels = divide_up(n, kPanel), panel = quantised_panel_bytes(int(bits), k);
  POLLUX_DISPATCH(src.dtype, S, (parallel_for(batch * panels, [&](int64_t task, int) {
    pack_panel((const S*)src.data + task / panels * n * k, n, k, task % panels * kPanel, int(bits), (uint8_t*)packed + task * panel);
  })));
}

void quantised_gemm(const QuantisedArgs& g) {
  if (g.n == 0 || g.rows == 0 || g.groups == 0) return;
  const int64_t kp = round_up(g.k, kChunk), groups = kp / kGroup;
  // an odd number of lines keeps rows out of each other's cache sets
  const int64_t ld = (divide_up(kp, 64) | 1) * 64;
  QuantisedRows a;
  a.ld = ld;
  a.groups = groups;
  a.q = (int8_t*)shared_scratch(0, size_t(g.a_rows * (ld + groups * 8)));
  a.scale = (float*)(a.q + g.a_rows * ld);
  a.start = (int32_t*)(a.scale + g.a_rows * groups);
  POLLUX_DISPATCH(g.a.dtype, S, (quantise_all((const S*)g.a.data, g.k, g.a_rows, g.bits, a)));
  POLLUX_DISPATCH(g.c.dtype, C, (multiply_all<C>(g, a)));
}

}  // namespace pollux::POLLUX_NS
