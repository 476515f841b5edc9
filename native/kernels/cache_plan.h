// How attention over a key-value cache is cut into tasks: each some queries of one sequence and key/value head, and a
// range of segments of keys (attention_cache.cc says why the cuts lie where they do).
#pragma once
#include "kernels/attention.h"

namespace pollux::POLLUX_NS {

constexpr int64_t kKeys = 256;                     // keys of a block; a multiple of every page size
constexpr int64_t kTaskRows = 384;                 // rows of a task: outputs so far and a packed block share the L2 cache
constexpr int64_t kEnoughTasks = 16;               // no more splits than give this many tasks
constexpr int64_t kSegment = 8 * kKeys;            // keys of a segment: a segment costs a merge

// One sequence of the batch, and how its work is cut. Places of keys count from the segment that its first page lies in.
struct Sequence {
  CacheArgs cache;             // its own pages and angles
  const int32_t *first, *last; // [time]
  int64_t row, time, shift;    // its rows of q and o begin at `row`
  int64_t positions;           // queries of a task (times the query heads of a key head: its rows)
  int64_t row_tasks;           // tasks without splits
  int64_t begin, end;          // segments that any query sees
  int64_t splits, split_segments;
  int64_t task, part;          // its first task, and its first row of what segments leave
  int64_t segments() const { return end - begin; }
};

// The sequence's part of tables that hold those of all.
static inline CacheArgs cache_of(const CacheArgs& a, const CacheBatch& batch, int64_t s) {
  CacheArgs own = a;
  const int64_t page = batch.page_starts[s];
  own.pages += page;
  if (a.values_only) {
    own.page_cos += page * a.head_dim / 2;
    own.page_sin += page * a.head_dim / 2;
  }
  return own;
}

static inline Sequence sequence_of(const CacheArgs& a, const CacheBatch& batch, const CacheQuery& q, int64_t s, int64_t most_parts) {
  Sequence x;
  x.cache = cache_of(a, batch, s);
  x.row = batch.row_starts[s];
  x.time = batch.row_starts[s + 1] - x.row;
  x.first = q.first + x.row;
  x.last = q.last + x.row;
  x.shift = q.origins[s] % kSegment;
  const int64_t group = q.heads / a.kv_heads;
  x.positions = most(1, kTaskRows / group);
  x.row_tasks = a.kv_heads * divide_up(x.time, x.positions);
  x.splits = x.split_segments = x.begin = x.end = 0;
  if (x.time == 0) return x;
  x.begin = (most(x.first[0], 0) + x.shift) / kSegment;
  x.end = most(divide_up(most(int64_t(x.last[x.time - 1]) + 1, 0) + x.shift, kSegment), x.begin + 1);
  const int64_t part = x.row_tasks * least(x.positions, x.time) * group * float_ld(a.head_dim);
  const int64_t wanted =
      part * x.segments() > most_parts ? 1 : least(divide_up(kEnoughTasks, x.row_tasks * batch.sequences), x.segments());
  x.split_segments = divide_up(x.segments(), wanted);
  x.splits = divide_up(x.segments(), x.split_segments);
  return x;
}

// The rows of a task: queries [i0, i1) of the query heads of one key/value head.
struct TaskRows {
  int64_t kv_head, i0, i1, count;
};

// Where a row of a task is among the rows [R * H] of q and o.
static inline int64_t place_of(const Sequence& s, const CacheQuery& q, const TaskRows& rows, int64_t r) {
  const int64_t group = q.heads / s.cache.kv_heads;
  return (s.row + rows.i0 + r / group) * q.heads + rows.kv_head * group + r % group;
}

static inline TaskRows rows_of(const Sequence& s, const CacheQuery& q, int64_t row_task) {
  const int64_t blocks = divide_up(s.time, s.positions);
  const int64_t i0 = row_task % blocks * s.positions, i1 = least(i0 + s.positions, s.time);
  return {row_task / blocks, i0, i1, (i1 - i0) * (q.heads / s.cache.kv_heads)};
}

// The last sequence whose first task (or, of the merge, first row task) is not behind `task`.
template <class First> int64_t find_sequence(int64_t count, int64_t task, const First& first) {
  int64_t low = 0, high = count;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (first(middle) <= task ? low : high) = middle;
  }
  return low;
}

}  // namespace pollux::POLLUX_NS
