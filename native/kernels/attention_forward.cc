// Attention forward (AttentionArgs in kernels.h): blocks of queries, each over its visible keys in chunks, with the
// online softmax of Milakov & Gimelshein 2018: maximum and sum of a row so far, output so far; a larger maximum
// rescales both.
//
//   s = cap(scale q K^T)   m' = max(m, max s)   p = e^(s - m')   o = o e^(m - m') + p V   o / sum p at the end
//
// The query heads of one key/value head are stacked as rows of one block (position-major), so that K and V, packed
// once per (batch, key/value head), are read once for all of them.
#include "kernels/attention.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kRows = POLLUX_TILES ? 64 : 24;  // rows of a block of queries: whole tiles of block_gemm
constexpr int64_t kKeys = 320;                     // keys of a chunk: 24 x 320 floats of scores stay in L1

// K and V of every (batch, key/value head) as B operands.
template <class T> struct PackedKeys {
  T *keys, *values;              // K^T [C, time] and V [time, C] in panels
  int64_t keys_each, values_each;  // elements of one head's
};

template <class T> PackedKeys<T> pack_keys(const AttentionArgs& a) {
  const int64_t c = a.head_dim, heads = a.batch * a.kv_heads, ld = a.kv_heads * c;
  PackedKeys<T> packed = {};
  packed.keys_each = packed_elements<T>(c, a.time);
  packed.values_each = packed_elements<T>(a.time, c);
  packed.keys = (T*)shared_scratch(0, size_t(heads * packed.keys_each) * sizeof(T));
  packed.values = (T*)shared_scratch(1, size_t(heads * packed.values_each) * sizeof(T));
  parallel_for(2 * heads, [&](int64_t task, int) {
    const int64_t head = task / 2, offset = head / a.kv_heads * a.time * ld + head % a.kv_heads * c;
    if (task % 2 == 0)
      pack_bt<T>(a.k, offset, ld, c, a.time, packed.keys + head * packed.keys_each);
    else
      pack_b<T>(a.v, offset, ld, a.time, c, packed.values + head * packed.values_each);
  });
  return packed;
}

// Scratch of one block.
template <class T> struct Block {
  int32_t* index;   // [rows] a row's place among the rows [time * H] of the sequence
  RowState* state;  // [rows]
  T* q;             // [rows, q_ld]
  float* s;         // [rows, kKeys]
  T* p;             // [rows, kKeys]
  float* o;         // [rows, o_ld]
  int64_t q_ld, o_ld;

  Block(Carver& carver, int64_t rows, int64_t c) : q_ld(spread_ld<T>(c)), o_ld(float_ld(c)) {
    index = carver.take<int32_t>(rows);
    state = carver.take<RowState>(rows);
    q = carver.take<T>(rows * q_ld);
    s = carver.take<float>(rows * kKeys);
    p = carver.take<T>(rows * kKeys);
    o = carver.take<float>(rows * o_ld);
  }
};

// Positions [i0, i1) of one sequence for the query heads of one key/value head.
template <class T>
void query_block(const AttentionArgs& a, const PackedKeys<T>& packed, int64_t batch, int64_t kv_head, int64_t i0, int64_t i1,
                 const Block<T>& block, MutView o, float* lse) {
  const int64_t c = a.head_dim, group = a.heads / a.kv_heads, rows = (i1 - i0) * group, kp = padded_k<T>(c);
  const int32_t *first = a.first + batch * a.time, *last = a.last + batch * a.time;
  const T* keys = packed.keys + (batch * a.kv_heads + kv_head) * packed.keys_each;
  const T* values = packed.values + (batch * a.kv_heads + kv_head) * packed.values_each;
  const int64_t offset = batch * a.time * a.heads * c;
  for (int64_t r = 0; r < rows; r++) {
    block.index[r] = int32_t((i0 + r / group) * a.heads + kv_head * group + r % group);
    block.state[r] = RowState();
  }
  pack_a<T>(a.q, offset, c, block.index, rows, c, block.q, block.q_ld);

  const int64_t begin = round_down(most(first[i0], 0), kAlign), end = least(int64_t(last[i1 - 1]) + 1, a.time);
  const int64_t chunks = divide_up(most(end - begin, 0), kKeys);
  const int64_t chunk = round_up(divide_up(most(end - begin, 0), most(chunks, 1)), kAlign);  // even chunks, at most kKeys
  for (int64_t j0 = begin; j0 < end; j0 += chunk) {
    const int64_t n = least(chunk, end - j0), width = padded_k<T>(n);
    block_gemm<T, float>(rows, n, kp, block.q, block.q_ld, keys + j0 * kp, panel_stride<T>(c), block.s, kKeys, false, a.scale);
    for (int64_t r = 0; r < rows; r++) {
      const int64_t i = i0 + r / group, from = most(first[i] - j0, 0), to = least(int64_t(last[i]) + 1 - j0, n);
      float correction = softmax_row<T>(block.s + r * kKeys, from, to, width, a.softcap, block.state[r], block.p + r * kKeys);
      if (correction != 1 && j0 > begin) scale_row(block.o + r * block.o_ld, block.o_ld, correction);
    }
    block_gemm<T, float>(rows, c, width, block.p, kKeys, values + j0 * kPanel, panel_stride<T>(a.time), block.o, block.o_ld,
                         j0 > begin);
  }

  for (int64_t r = 0; r < rows; r++) {
    const RowState& row = block.state[r];
    const bool sees = row.sum > 0 || row.sum != row.sum;
    float* result = block.o + r * block.o_ld;
    if (!sees) memset(result, 0, size_t(c) * sizeof(float));
    POLLUX_DISPATCH(o.dtype, D, write_row(result, c, sees ? 1 / row.sum : 1.0f, (D*)o.data + offset + block.index[r] * c));
    if (lse) {
      const int64_t head = kv_head * group + r % group;
      lse[(batch * a.heads + head) * a.time + i0 + r / group] = sees ? row.max + logf(row.sum) : -INFINITY;
    }
  }
}

template <class T> void forward(const AttentionArgs& a, MutView o, float* lse) {
  const PackedKeys<T> packed = pack_keys<T>(a);
  const int64_t group = a.heads / a.kv_heads, positions = most(1, kRows / group), blocks = divide_up(a.time, positions);
  parallel_for(a.batch * a.kv_heads * blocks, [&](int64_t task, int thread) {
    const int64_t head = task / blocks, i0 = task % blocks * positions;
    Carver measure{nullptr};
    Block<T>(measure, positions * group, a.head_dim);
    Carver carver{(char*)thread_scratch(thread, 0, measure.used)};
    Block<T> block(carver, positions * group, a.head_dim);
    query_block<T>(a, packed, head / a.kv_heads, head % a.kv_heads, i0, least(i0 + positions, a.time), block, o, lse);
  });
}

}  // namespace

void attention_forward(const AttentionArgs& args, MutView o, float* lse) {
  if (args.batch == 0 || args.time == 0 || args.heads == 0) return;
  if (args.compute == BF16)
    forward<Half>(args, o, lse);
  else
    forward<float>(args, o, lse);
}

}  // namespace pollux::POLLUX_NS
