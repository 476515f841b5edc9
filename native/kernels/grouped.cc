// Products of a mixture of experts: one weight matrix per group of rows, all groups in one parallel loop.
//
// Groups are of any size, zero included. A task is a block of rows of one group; the list of tasks is made first,
// so a crowded expert is cut into many blocks and an empty one costs nothing. Rows are gathered while A is copied
// into the task's scratch and scattered while C leaves it.
#include "kernels/block_gemm.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kBlockRows = 96;
constexpr int64_t kBlockDepth = 1024;

struct Block {
  int32_t group, first, rows;  // rows first .. first + rows - 1 (of all rows) belong to the group
};

// The blocks of all groups, at most `rows` rows each; heavy groups are cut evenly.
int64_t list_blocks(const int32_t* offsets, int64_t groups, int64_t rows, Block* blocks) {
  int64_t count = 0;
  for (int64_t e = 0; e < groups; e++) {
    int64_t total = offsets[e + 1] - offsets[e];
    if (total == 0) continue;
    int64_t pieces = divide_up(total, rows), size = round_up(divide_up(total, pieces), kRowStep);
    for (int64_t i = 0; i < total; i += size)
      blocks[count++] = {int32_t(e), int32_t(offsets[e] + i), int32_t(least(size, total - i))};
  }
  return count;
}

// Packs the b matrices of groups that have rows.
template <class T, class S> void pack_groups(const GroupedArgs& g, T* dst) {
  constexpr int64_t kPanelsPerTask = 4;
  int64_t panels = divide_up(g.n, kPanel), tasks = divide_up(panels, kPanelsPerTask), size = packed_elements<T>(g.k, g.n);
  parallel_for(g.groups * tasks, [&](int64_t task, int) {
    int64_t e = task / tasks, first = task % tasks * kPanelsPerTask, last = least(first + kPanelsPerTask, panels);
    if (g.offsets[e + 1] == g.offsets[e]) return;
    const S* src = (const S*)g.b.data + e * g.k * g.n;
    if (g.b_transposed)
      pack_bt<T, S>(src, g.k, g.k, g.n, first, last, dst + e * size);
    else
      pack_b<T, S>(src, g.n, nullptr, g.k, g.n, first, last, dst + e * size);
  });
}

// Adds or copies a row of sums to its place.
template <class C> void put_row(const float* sums, C* c, int64_t n, bool accumulate) {
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) store(c + j, accumulate ? load(c + j) + load(sums + j) : load(sums + j));
  for (; j < n; j++) c[j] = from_float<C>(accumulate ? to_float(c[j]) + sums[j] : sums[j]);
}

// Columns [j0, j0 + columns) of a block of rows.
template <class T, class S, class C>
void multiply_rows(const GroupedArgs& g, const Block& block, const T* b, int64_t j0, int64_t columns, int thread) {
  const int64_t kp = padded_k<T>(g.k), first = block.first, rows = block.rows;
  const S* a = (const S*)g.a.data;
  const T* rows_of_a = nullptr;
  if constexpr (sizeof(T) == sizeof(S)) {
    if (!g.a_index && kp == g.k) rows_of_a = (const T*)a + first * g.k;
  }
  if (rows_of_a == nullptr) {
    T* scratch = (T*)thread_scratch(thread, 0, size_t(rows * kp) * sizeof(T));
    pack_a<T, S>(g.a_index ? a : a + first * g.k, g.k, g.a_index ? g.a_index + first : nullptr, rows, g.k, scratch);
    rows_of_a = scratch;
  }
  const int64_t stride = panel_stride<T>(g.k);
  const T* panels = b + j0 / kPanel * stride;
  C* c = (C*)g.c.data + j0;
  if (g.c_index == nullptr) {
    block_gemm<T, C>(rows, columns, kp, rows_of_a, kp, panels, stride, c + first * g.n, g.n, g.accumulate);
    return;
  }
  float* sums = (float*)thread_scratch(thread, 1, size_t(rows * columns) * sizeof(float));
  block_gemm<T, float>(rows, columns, kp, rows_of_a, kp, panels, stride, sums, columns, false);
  for (int64_t i = 0; i < rows; i++) put_row(sums + i * columns, c + int64_t(g.c_index[first + i]) * g.n, columns, g.accumulate);
}

// Columns of a task. Where experts have a row or two each (writing text) all time goes into reading their matrices: threads
// share them. Each slice copies its rows of A again, so blocks of more rows are cut less, and full ones not at all.
int64_t slice_columns(int64_t rows, int64_t groups, int64_t n) {
  if (rows <= 4 * groups && rows <= 64) return 8 * kPanel;
  return rows <= 64 ? 32 * kPanel : round_up(n, kPanel);
}

template <class T, class S, class C> void grouped_all(const GroupedArgs& g) {
  const T* b = (const T*)g.packed;
  int64_t size = packed_elements<T>(g.k, g.n), total = g.offsets[g.groups];
  if (b == nullptr) {
    T* packed = (T*)shared_scratch(0, size_t(g.groups * size) * sizeof(T));
    POLLUX_DISPATCH(g.b.dtype, W, (pack_groups<T, W>(g, packed)));
    b = packed;
  }
  Block* blocks = (Block*)shared_scratch(1, size_t(total / kRowStep + g.groups + 1) * sizeof(Block));
  const int64_t count = list_blocks(g.offsets, g.groups, kBlockRows, blocks), columns = slice_columns(total, g.groups, g.n);
  const int64_t slices = divide_up(g.n, columns);
  parallel_for(count * slices, [&](int64_t task, int thread) {
    const Block& block = blocks[task / slices];
    const int64_t j0 = task % slices * columns;
    multiply_rows<T, S, C>(g, block, b + block.group * size, j0, least(columns, g.n - j0), thread);
  });
}

// ---- weight gradients --------------------------------------------------------------------------------

// Rows of tokens whose packed B is held at a time: it is used while it is still in cache.
constexpr int64_t kRowsAtOnce = 2048;

// Packs b of groups [first, last), each padded on its own; starts[e - first] is where group e begins.
template <class T, class S> void pack_outer(const GroupedOuterArgs& g, int64_t first, int64_t last, const int64_t* starts, T* packed) {
  constexpr int64_t kPanelsPerTask = 8;
  const int64_t panels = divide_up(g.n, kPanel), tasks = divide_up(panels, kPanelsPerTask);
  parallel_for((last - first) * tasks, [&](int64_t task, int) {
    const int64_t e = first + task / tasks, p = task % tasks * kPanelsPerTask, row = g.offsets[e];
    const S* b = (const S*)g.b.data;
    pack_b<T, S>(g.b_index ? b : b + row * g.n, g.n, g.b_index ? g.b_index + row : nullptr, g.offsets[e + 1] - row, g.n, p,
                 least(p + kPanelsPerTask, panels), packed + starts[e - first]);
  });
}

// Copies n floats to memory past the cache, where the processor can and dst is aligned.
inline void stream_row(const float* src, float* dst, int64_t n) {
  int64_t j = 0;
#if POLLUX_AVX512
  if (uintptr_t(dst) % 64 == 0)
    for (; j + 16 <= n; j += 16) _mm512_stream_ps(dst + j, _mm512_loadu_ps(src + j));
#endif
  memcpy(dst + j, src + j, size_t(n - j) * sizeof(float));
}

// Orders streamed rows before what other threads read next.
inline void stream_end() {
#if POLLUX_AVX512
  _mm_sfence();
#endif
}

// Rows [i0, i0 + rows) of C_e, all of the group's tokens. All experts' gradients together are larger than any cache
// and each is written once: where it is not added to, it is summed in scratch and streamed out, so that its old lines
// are not read first.
template <class T, class S>
void outer_block(const GroupedOuterArgs& g, int64_t e, int64_t i0, int64_t rows, const T* packed, int thread) {
  const int64_t first = g.offsets[e], tokens = g.offsets[e + 1] - first, stride = panel_stride<T>(tokens);
  const S* a = (const S*)g.a.data + i0;
  float* c = (float*)g.c.data + (e * g.m + i0) * g.n;
  if (tokens == 0) {
    if (!g.accumulate) memset(c, 0, size_t(rows * g.n) * sizeof(float));
    return;
  }
  float* sums = g.accumulate ? c : (float*)thread_scratch(thread, 1, size_t(rows * g.n) * sizeof(float));
  T* scratch = (T*)thread_scratch(thread, 0, size_t(rows * spread_ld<T>(least(kBlockDepth, tokens))) * sizeof(T));
  for (int64_t k0 = 0; k0 < tokens; k0 += kBlockDepth) {
    const int64_t depth = least(kBlockDepth, tokens - k0), kp = padded_k<T>(depth), lda = spread_ld<T>(depth);
    pack_at<T, S>(g.a_index ? a : a + (first + k0) * g.m, g.m, g.a_index ? g.a_index + first + k0 : nullptr, rows, depth,
                  scratch, lda);
    block_gemm<T, float>(rows, g.n, kp, scratch, lda, packed + k0 * kPanel, stride, sums, g.n, g.accumulate || k0 > 0);
  }
  if (g.accumulate) return;
  for (int64_t i = 0; i < rows; i++) stream_row(sums + i * g.n, c + i * g.n, g.n);
  stream_end();
}

template <class T, class SA, class SB> void outer_all(const GroupedOuterArgs& g) {
  const int64_t block_rows = least(kBlockRows, round_up(g.m, kRowStep)), row_blocks = divide_up(g.m, block_rows);
  int64_t* starts = (int64_t*)shared_scratch(1, size_t(g.groups + 1) * sizeof(int64_t));
  for (int64_t first = 0, last; first < g.groups; first = last) {
    starts[0] = 0;
    for (last = first; last < g.groups && (last == first || g.offsets[last + 1] - g.offsets[first] <= kRowsAtOnce); last++)
      starts[last - first + 1] =
          starts[last - first] + padded_k<T>(g.offsets[last + 1] - g.offsets[last]) * round_up(g.n, kPanel);
    T* packed = (T*)shared_scratch(0, size_t(starts[last - first]) * sizeof(T));
    pack_outer<T, SB>(g, first, last, starts, packed);
    parallel_for((last - first) * row_blocks, [&](int64_t task, int thread) {
      const int64_t e = first + task / row_blocks, i0 = task % row_blocks * block_rows;
      outer_block<T, SA>(g, e, i0, least(block_rows, g.m - i0), packed + starts[e - first], thread);
    });
  }
}

template <class T> void outer_as(const GroupedOuterArgs& g) {
  POLLUX_DISPATCH(g.a.dtype, SA, POLLUX_DISPATCH(g.b.dtype, SB, (outer_all<T, SA, SB>(g))));
}

template <class T> void grouped_as(const GroupedArgs& g) {
  POLLUX_DISPATCH(g.a.dtype, S, POLLUX_DISPATCH(g.c.dtype, C, (grouped_all<T, S, C>(g))));
}

}  // namespace

void grouped_gemm(const GroupedArgs& args) {
  if (args.n == 0 || args.groups == 0) return;
  if (args.compute == BF16)
    grouped_as<Half>(args);
  else
    grouped_as<float>(args);
}

void grouped_outer(const GroupedOuterArgs& args) {
  if (args.n == 0 || args.m == 0) return;
  if (args.compute == BF16)
    outer_as<Half>(args);
  else
    outer_as<float>(args);
}

}  // namespace pollux::POLLUX_NS
