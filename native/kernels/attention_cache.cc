// Attention over a key-value cache (CacheArgs in kernels.h): a chunk of queries, or one, over keys that lie in pages.
//
// A task takes some queries of one sequence and key/value head (all its query heads stacked as rows) and a range of keys, and goes
// through the keys once, block by block: a block is read from its pages, brought to the type of the product (int8 is
// scaled, keys that are stored as values are normed and turned), packed, and then met by all rows of the task in
// groups of kRows with the online softmax of attention.h. With hundreds of rows the packing disappears behind the
// products; with one query (writing at depth) it runs at about the speed of memory.
//
// Keys are cut into segments of kSegment, each with its own maximum, sum and output, merged from left to right:
//   o = sum_s e^(m_s - m) o_s / sum_s e^(m_s - m) l_s        (Dao et al. 2023, "Flash-Decoding")
// With one query and many keys segments are tasks of their own, and a second pass merges what they leave.
//
// Segments and blocks begin at multiples of their size in the sequence, wherever its pages begin, and a row's sums do not
// know which rows are computed beside it. So a row has the same bits however a text was cut into chunks, batched or
// guessed ahead, and on any number of threads: same seed, same text.
#include "kernels/attention.h"
#include "kernels/cache_plan.h"
#include "kernels/cache_rows.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kRows = POLLUX_TILES ? 64 : 24;  // rows of a group: whole tiles of block_gemm
constexpr int64_t kMostParts = int64_t(8) << 20;   // floats that segments may leave for a second pass

// Scratch of one task.
template <class T> struct Scratch {
  int64_t q_ld, o_ld;
  int32_t* index;   // [rows] a row's place among the rows [time * H]
  RowState* state;  // [rows]
  T* q;             // [rows, q_ld]
  float* o;         // [rows, o_ld]
  float* total_o;   // [rows, o_ld] the segments before
  RowState* total;  // [rows]
  T *k_rows, *v_rows;  // [kKeys, C] as read from pages
  T *keys, *values;    // the same packed: K^T [C, kKeys], V [kKeys, C]
  float* s;            // [kRows, kKeys] scores
  T* p;                // [kRows, kKeys] probabilities
  float* pv;           // [kRows, o_ld] what a block adds to o

  Scratch(Carver& carver, int64_t rows, int64_t c) : q_ld(spread_ld<T>(c)), o_ld(float_ld(c)) {
    index = carver.take<int32_t>(rows);
    state = carver.take<RowState>(rows);
    q = carver.take<T>(rows * q_ld);
    o = carver.take<float>(rows * o_ld);
    total_o = carver.take<float>(rows * o_ld);
    total = carver.take<RowState>(rows);
    pv = carver.take<float>(kRows * o_ld);
    k_rows = carver.take<T>(kKeys * c);
    v_rows = carver.take<T>(kKeys * c);
    keys = carver.take<T>(packed_elements<T>(c, kKeys));
    values = carver.take<T>(packed_elements<T>(kKeys, c));
    s = carver.take<float>(kRows * kKeys);
    p = carver.take<T>(kRows * kKeys);
  }
};

// Packs keys and values of tokens j0 .. j0+n (j0 a multiple of the page) of one head.
template <class T> void load_block(const CacheArgs& a, const float* w, int64_t head, int64_t j0, int64_t n, Scratch<T>& x) {
  const int64_t c = a.head_dim, half = c / 2;
  const T* v = read_rows<T>(a, parts_of(a) - 1, head, j0, n, x.v_rows);
  pack_b<T, T>(v, c, n, c, x.values);
  const T* k = x.k_rows;
  if (a.values_only) {
    for (int64_t r = 0; r < n; r++) {
      const int64_t page = (j0 + r) / a.page_tokens * half, slot = (j0 + r) % a.page_tokens * half;
      turn_row(v + r * c, w, a.page_cos + page, a.page_sin + page, a.slot_cos + slot, a.slot_sin + slot, c, x.k_rows + r * c);
    }
  } else {
    k = read_rows<T>(a, 0, head, j0, n, x.k_rows);
  }
  pack_bt<T, T>(k, c, c, n, x.keys);
}

template <class T> void take_queries(const Sequence& s, const CacheQuery& q, const TaskRows& rows, Scratch<T>& x) {
  const int64_t c = s.cache.head_dim;
  for (int64_t r = 0; r < rows.count; r++) {
    x.index[r] = int32_t(place_of(s, q, rows, r));
    x.total[r] = RowState();
  }
  pack_a<T>(q.q, 0, c, x.index, rows.count, c, x.q, x.q_ld);
}

#if POLLUX_SCALAR
void add_row(float* sum, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i++) sum[i] += x[i];
}
void add_scaled(float* sum, const float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; i++) sum[i] += x[i] * factor;
}
#else
void add_row(float* sum, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) store(sum + i, load(sum + i) + load(x + i));
}
void add_scaled(float* sum, const float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) store(sum + i, load(sum + i) + load(x + i) * factor);
}
#endif

// The keys of one segment: leaves sums in x.o and x.state.
template <class T>
void attend(const Sequence& s, const CacheQuery& q, const float* w, const TaskRows& rows, int64_t segment, Scratch<T>& x) {
  const CacheArgs& a = s.cache;
  const int64_t c = a.head_dim, group = q.heads / a.kv_heads, kp = padded_k<T>(c), shift = s.shift;
  for (int64_t r = 0; r < rows.count; r++) x.state[r] = RowState();
  memset(x.o, 0, size_t(rows.count * x.o_ld) * sizeof(float));
  const int64_t seen = round_down(most(s.first[rows.i0], 0) + shift, kKeys);
  const int64_t begin = most(most(segment * kSegment, seen), shift);
  const int64_t end = least((segment + 1) * kSegment, int64_t(s.last[rows.i1 - 1]) + 1 + shift);
  for (int64_t at = begin; at < end; at = round_down(at, kKeys) + kKeys) {
    const int64_t j0 = at - shift, n = least(round_down(at, kKeys) + kKeys, end) - at, width = padded_k<T>(n);
    load_block<T>(a, w, rows.kv_head, j0, n, x);
    for (int64_t r0 = 0; r0 < rows.count; r0 += kRows) {
      const int64_t m = least(kRows, rows.count - r0), top = rows.i0 + r0 / group, bottom = rows.i0 + (r0 + m - 1) / group;
      if (s.last[bottom] < j0 || s.first[top] >= j0 + n) continue;
      block_gemm<T, float>(m, n, kp, x.q + r0 * x.q_ld, x.q_ld, x.keys, panel_stride<T>(c), x.s, kKeys, false, q.scale);
      for (int64_t r = 0; r < m; r++) {
        const int64_t i = rows.i0 + (r0 + r) / group, from = most(s.first[i] - j0, 0), to = least(int64_t(s.last[i]) + 1 - j0, n);
        const float correction = softmax_row<T>(x.s + r * kKeys, from, to, width, 0, x.state[r0 + r], x.p + r * kKeys);
        if (correction != 1) scale_row(x.o + (r0 + r) * x.o_ld, x.o_ld, correction);
      }
      // added apart: tiles sum onto what they find in some shapes and not in others, and bits would know the shape
      block_gemm<T, float>(m, c, width, x.p, kKeys, x.values, panel_stride<T>(n), x.pv, x.o_ld, false);
      for (int64_t r = 0; r < m; r++) add_row(x.o + (r0 + r) * x.o_ld, x.pv + r * x.o_ld, x.o_ld);
    }
  }
}

// Adds a segment's row to those of the segments before. Never inlined: the same bits from both of its callers.
[[gnu::noinline]] void merge_row(float* total_o, RowState& total, const float* o, const RowState& state, int64_t o_ld) {
  if (state.max == -INFINITY) return;
  if (total.max == -INFINITY) {
    memcpy(total_o, o, size_t(o_ld) * sizeof(float));
    total = state;
    return;
  }
  const float largest = state.max > total.max ? state.max : total.max;
  const float before = expf(total.max - largest), now = expf(state.max - largest);
  scale_row(total_o, o_ld, before);
  add_scaled(total_o, o, now, o_ld);
  total = {largest, total.sum * before + state.sum * now};
}

// A finished row of sums becomes a row of the result; a row that saw no key is 0.
void finish_row(float* sums, float total, int64_t n, MutView o, int64_t row) {
  if (!(total > 0) && total == total) memset(sums, 0, size_t(n) * sizeof(float));
  const float factor = total > 0 || total != total ? 1 / total : 1.0f;
  POLLUX_DISPATCH(o.dtype, D, write_row(sums, n, factor, (D*)o.data + row * n));
}

template <class T> void run(const CacheArgs& a, const CacheBatch& batch, const CacheQuery& q, MutView o) {
  const int64_t c = a.head_dim, group = q.heads / a.kv_heads, o_ld = float_ld(c);
  const float* w = as_floats(a.key_norm, c, 0);
  Sequence* all = (Sequence*)shared_scratch(3, size_t(batch.sequences) * sizeof(Sequence));
  int64_t tasks = 0, parts = 0, most_rows = 0, most_row_tasks = 0;
  for (int64_t s = 0; s < batch.sequences; s++) {
    Sequence x = sequence_of(a, batch, q, s, kMostParts / batch.sequences);
    const int64_t rows = least(x.positions, x.time) * group;
    x.task = tasks;
    x.part = parts;
    tasks += x.row_tasks * x.splits;
    if (x.splits > 1) parts += x.row_tasks * x.segments() * rows;
    most_rows = most(most_rows, rows);
    most_row_tasks = most(most_row_tasks, x.row_tasks);
    all[s] = x;
  }
  // what segments leave for the merge: of each sequence [row task][segment][row]
  float* part_o = (float*)shared_scratch(1, size_t(parts * o_ld) * sizeof(float));
  RowState* part_state = (RowState*)shared_scratch(2, size_t(parts) * sizeof(RowState));
  const auto part_of = [&](const Sequence& s, int64_t row_task, int64_t segment) {
    return s.part + (row_task * s.segments() + segment - s.begin) * least(s.positions, s.time) * group;
  };
  parallel_for(tasks, [&](int64_t task, int thread) {
    const Sequence& s = all[find_sequence(batch.sequences, task, [&](int64_t i) { return all[i].task; })];
    const int64_t own = task - s.task, row_task = own / s.splits, first = s.begin + own % s.splits * s.split_segments;
    const TaskRows rows = rows_of(s, q, row_task);
    Carver measure{nullptr};
    Scratch<T>(measure, most_rows, c);
    Carver carver{(char*)thread_scratch(thread, 0, measure.used)};
    Scratch<T> x(carver, most_rows, c);
    take_queries<T>(s, q, rows, x);
    for (int64_t segment = first; segment < least(first + s.split_segments, s.end); segment++) {
      attend<T>(s, q, w, rows, segment, x);
      if (s.splits > 1) {
        const int64_t at = part_of(s, row_task, segment);
        memcpy(part_o + at * o_ld, x.o, size_t(rows.count * o_ld) * sizeof(float));
        memcpy(part_state + at, x.state, size_t(rows.count) * sizeof(RowState));
      } else {
        for (int64_t r = 0; r < rows.count; r++) merge_row(x.total_o + r * o_ld, x.total[r], x.o + r * o_ld, x.state[r], o_ld);
      }
    }
    if (s.splits > 1) return;
    for (int64_t r = 0; r < rows.count; r++) {
      if (x.total[r].max == -INFINITY) memset(x.total_o + r * o_ld, 0, size_t(o_ld) * sizeof(float));
      finish_row(x.total_o + r * o_ld, x.total[r].sum, c, o, x.index[r]);
    }
  });
  if (parts == 0) return;
  parallel_for(batch.sequences * most_row_tasks, [&](int64_t task, int thread) {
    const Sequence& s = all[task / most_row_tasks];
    const int64_t row_task = task % most_row_tasks;
    if (s.splits <= 1 || row_task >= s.row_tasks) return;
    const TaskRows rows = rows_of(s, q, row_task);
    float* sum = (float*)thread_scratch(thread, 0, size_t(o_ld) * sizeof(float));
    for (int64_t r = 0; r < rows.count; r++) {
      memset(sum, 0, size_t(o_ld) * sizeof(float));
      RowState total;
      for (int64_t segment = s.begin; segment < s.end; segment++) {
        const int64_t at = part_of(s, row_task, segment) + r;
        merge_row(sum, total, part_o + at * o_ld, part_state[at], o_ld);
      }
      finish_row(sum, total.sum, c, o, place_of(s, q, rows, r));
    }
  });
}

}  // namespace

void cache_write(const CacheArgs& a, const CacheBatch& batch, View k, View v, const int32_t* at) {
  const int64_t rows = batch.row_starts[batch.sequences];
  parallel_chunks(rows, rows_per_task(2 * a.kv_heads * a.head_dim), [&](int64_t first, int64_t last, int64_t, int) {
    int64_t s = find_sequence(batch.sequences, first, [&](int64_t i) { return int64_t(batch.row_starts[i]); });
    for (int64_t r = first; r < last; r++) {
      while (r >= batch.row_starts[s + 1]) s++;
      const CacheArgs own = cache_of(a, batch, s);
      const int64_t token = at[s] + r - batch.row_starts[s];
      if (!a.values_only) write_part(own, k, 0, r, token);
      write_part(own, v, parts_of(a) - 1, r, token);
    }
  });
}

void cache_attention(const CacheArgs& a, const CacheBatch& batch, const CacheQuery& q, MutView o) {
  if (batch.sequences == 0) return;
  if (q.compute == BF16)
    run<Half>(a, batch, q, o);
  else
    run<float>(a, batch, q, o);
}

}  // namespace pollux::POLLUX_NS
