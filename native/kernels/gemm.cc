// Matrix products over the thread pool: packs what is not packed, cuts C into blocks, one task each.
//
// A task computes a block of up to kBlockRows rows by all (or a slice of the) columns, kBlockDepth of k at a time:
// one panel pair of B (kBlockDepth x 32) stays in L1 while the rows of A stream from L2. A is read in place where
// it is already in the compute type and its padding is its own; otherwise its block is copied once per task.
// Every element of C sums k in the same order whatever the blocking, so results do not depend on threads.
#include "kernels/block_gemm.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kBlockRows = 192;    // rows of A in L2: 192 x 1024 bf16 = 384 KiB of the usual 1-2 MiB
constexpr int64_t kBlockDepth = 1024;  // panel pair of B: 1024 x 32 bf16 = 64 KiB, streamed from L2 at 1/5 of its bandwidth

struct Plan {
  int64_t rows, columns;          // of one block
  int64_t row_blocks, column_blocks;
};

// Blocks as large as the caches like, but enough of them to keep every thread busy to the end.
Plan plan_blocks(int64_t m, int64_t n, int64_t k, int64_t batch, bool copies_a, bool whole_depth) {
  int64_t wanted = 6 * num_threads();
  Plan plan;
  // A block of rows stays within kBlockRows x kBlockDepth elements, whatever depth it is read in.
  int64_t rows = whole_depth ? least(kBlockRows, kBlockRows * kBlockDepth / (k > 0 ? k : 1)) : kBlockRows;
  rows = rows / kRowStep * kRowStep;
  plan.rows = least(rows > 4 * kRowStep ? rows : 4 * kRowStep, round_up(m, kRowStep));
  plan.columns = round_up(n, kPanel);
  while (batch * divide_up(m, plan.rows) < wanted && plan.rows > 4 * kRowStep) plan.rows = round_up(plan.rows / 2, kRowStep);
  // Slicing columns makes every slice copy A again, so it comes second (and not at all for a small gain). A few rows (writing
  // text) are copied in no time beside the reading of B.
  int64_t floor = copies_a && m > 16 ? 512 : 128;
  while (batch * divide_up(m, plan.rows) * divide_up(n, plan.columns) < wanted && plan.columns > floor)
    plan.columns = round_up(plan.columns / 2, 2 * kPanel);
  plan.row_blocks = divide_up(m, plan.rows);
  plan.column_blocks = divide_up(n, plan.columns);
  return plan;
}

// A row stride of a multiple of 2 KiB puts all rows of a tile into the same few cache sets.
bool strides_alias(int64_t bytes) { return bytes % 2048 == 0; }

template <class T, class S> constexpr bool same_type() { return sizeof(T) == sizeof(S); }

// The block of A at (row i0, depth k0), as the compute type: in place, or copied into scratch.
template <class T, class S>
const T* block_of_a(const GemmArgs& g, const S* a, int64_t i0, int64_t rows, int64_t k0, int64_t depth, T* scratch, int64_t* lda) {
  if constexpr (same_type<T, S>()) {
    bool padded = depth == padded_k<T>(depth);
    if (!g.a_transposed && padded && !strides_alias(g.lda * int64_t(sizeof(T)))) {
      *lda = g.lda;
      return (const T*)a + i0 * g.lda + k0;
    }
  }
  *lda = spread_ld<T>(depth);
  if (g.a_transposed)
    pack_at<T, S>(a + k0 * g.lda + i0, g.lda, nullptr, rows, depth, scratch, *lda);
  else
    pack_a<T, S>(a + i0 * g.lda + k0, g.lda, nullptr, rows, depth, scratch, *lda);
  return scratch;
}

template <class T, class S, class C>
void multiply_block(const GemmArgs& g, const S* a, const T* b, C* c, int64_t i0, int64_t rows, int64_t j0, int64_t columns, int thread) {
  const int64_t stride = panel_stride<T>(g.k);
  // A bf16 C cannot hold partial sums: it takes all of k at once.
  const int64_t depth_limit = sizeof(C) == 4 ? kBlockDepth : round_up(g.k, 32);
  T* scratch = (T*)thread_scratch(thread, 0, size_t(rows * spread_ld<T>(least(g.k, depth_limit))) * sizeof(T));
  if (g.k == 0 && !g.accumulate) {
    for (int64_t i = i0; i < i0 + rows; i++)
      for (int64_t j = j0; j < j0 + columns; j++) c[i * g.ldc + j] = C(0);
  }
  for (int64_t k0 = 0; k0 < g.k; k0 += depth_limit) {
    int64_t depth = least(depth_limit, g.k - k0), lda;
    const T* block = block_of_a<T, S>(g, a, i0, rows, k0, depth, scratch, &lda);
    block_gemm<T, C>(rows, columns, padded_k<T>(depth), block, lda, b + j0 / kPanel * stride + k0 * kPanel, stride,
                     c + i0 * g.ldc + j0, g.ldc, g.accumulate || k0 > 0, g.alpha);
  }
}

template <class T, class S> void pack_panels(const S* src, bool transposed, int64_t ld, int64_t k, int64_t n, int64_t first, int64_t last, T* dst) {
  if (transposed)
    pack_bt<T, S>(src, ld, k, n, first, last, dst);
  else
    pack_b<T, S>(src, ld, nullptr, k, n, first, last, dst);
}

// Packs `batch` matrices, a few panels a task.
template <class T, class S>
void pack_all(const S* src, bool transposed, int64_t ld, int64_t stride_src, int64_t k, int64_t n, int64_t batch, T* dst) {
  constexpr int64_t kPanelsPerTask = 4;
  int64_t panels = divide_up(n, kPanel), tasks = divide_up(panels, kPanelsPerTask), size = packed_elements<T>(k, n);
  parallel_for(batch * tasks, [&](int64_t task, int) {
    int64_t e = task / tasks, first = task % tasks * kPanelsPerTask;
    pack_panels<T, S>(src + e * stride_src, transposed, ld, k, n, first, least(first + kPanelsPerTask, panels), dst + e * size);
  });
}

template <class T> void pack_view(View src, bool transposed, int64_t ld, int64_t stride, int64_t k, int64_t n, int64_t batch, T* dst) {
  POLLUX_DISPATCH(src.dtype, S, (pack_all<T, S>((const S*)src.data, transposed, ld, stride, k, n, batch, dst)));
}

template <class T, class S, class C> void multiply_all(const GemmArgs& g) {
  int64_t size = packed_elements<T>(g.k, g.n);
  const T* b = (const T*)g.packed;
  if (b == nullptr) {
    T* packed = (T*)shared_scratch(0, size_t(g.batch * size) * sizeof(T));
    pack_view<T>(g.b, g.b_transposed, g.ldb, g.stride_b, g.k, g.n, g.batch, packed);
    b = packed;
  }
  bool copies_a = g.a_transposed || !same_type<T, S>() || strides_alias(g.lda * int64_t(sizeof(T)));
  Plan plan = plan_blocks(g.m, g.n, g.k, g.batch, copies_a, sizeof(C) == 2);
  int64_t blocks = plan.row_blocks * plan.column_blocks;
  parallel_for(g.batch * blocks, [&](int64_t task, int thread) {
    int64_t e = task / blocks, i0 = task % blocks / plan.column_blocks * plan.rows, j0 = task % plan.column_blocks * plan.columns;
    multiply_block<T, S, C>(g, (const S*)g.a.data + e * g.stride_a, b + e * size, (C*)g.c.data + e * g.stride_c, i0,
                            least(plan.rows, g.m - i0), j0, least(plan.columns, g.n - j0), thread);
  });
}

int64_t bytes_of(Dtype dtype) { return dtype == BF16 ? 2 : 4; }

// Elements [from, ...) of a view.
View from_element(View view, int64_t from) {
  return {(const char*)view.data + from * bytes_of(view.dtype), view.dtype, view.size - from};
}

// Depth k0 .. k0 + depth of a product, added to what the depths before it left in C.
GemmArgs depth_slice(const GemmArgs& g, int64_t k0, int64_t depth) {
  GemmArgs part = g;
  part.a = from_element(g.a, g.a_transposed ? k0 * g.lda : k0);
  part.b = from_element(g.b, g.b_transposed ? k0 : k0 * g.ldb);
  part.k = depth;
  part.accumulate = g.accumulate || k0 > 0;
  return part;
}

template <class T> void multiply_as(const GemmArgs& g) {
  // A long unpacked B (a weight gradient sums over all tokens) is packed and used slice by slice, while the slice
  // is still in cache: packed whole, it would go to memory and back.
  if (g.packed == nullptr && g.c.dtype == F32 && g.k > kBlockDepth) {
    for (int64_t k0 = 0; k0 < g.k; k0 += kBlockDepth) multiply_as<T>(depth_slice(g, k0, least(kBlockDepth, g.k - k0)));
    return;
  }
  POLLUX_DISPATCH(g.a.dtype, S, POLLUX_DISPATCH(g.c.dtype, C, (multiply_all<T, S, C>(g))));
}

}  // namespace

size_t gemm_packed_bytes(Dtype compute, int64_t k, int64_t n) {
  return compute == BF16 ? size_t(packed_elements<Half>(k, n)) * sizeof(Half) : size_t(packed_elements<float>(k, n)) * sizeof(float);
}

void gemm_pack(View src, bool transposed, int64_t k, int64_t n, int64_t batch, Dtype compute, void* packed) {
  int64_t ld = transposed ? k : n;
  if (compute == BF16)
    pack_view<Half>(src, transposed, ld, k * n, k, n, batch, (Half*)packed);
  else
    pack_view<float>(src, transposed, ld, k * n, k, n, batch, (float*)packed);
}

void gemm(const GemmArgs& args) {
  if (args.m == 0 || args.n == 0 || args.batch == 0) return;
  if (args.compute == BF16)
    multiply_as<Half>(args);
  else
    multiply_as<float>(args);
}

}  // namespace pollux::POLLUX_NS
