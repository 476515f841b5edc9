// Attention backward (AttentionArgs in kernels.h): probabilities again from the saved log-sum-exp, block by block
// (Dao et al. 2022, algorithm 4, keys in the outer loop), with everything transposed:
//
//   S^T = cap(scale K Q^T)       P^T = e^(S^T - lse)        dP^T = V dO^T       D = rowsum(dO * O)
//   dS^T = P^T * (dP^T - D) * (1 - (S^T/cap)^2)
//   dV += P^T dO      dK += scale dS^T Q      dQ += scale dS K
//
// so that P^T and dS^T leave the elementwise step as A operands of dV and dK, and only dS is turned, in cache.
//
// A task is a segment of the keys of one (batch, key/value head): it owns dK and dV of the segment. dQ is summed over
// the keys of a segment in the task; where there are several segments each has its own dQ, added up in order at the
// end. The number of segments depends on the shape alone, so results repeat bit for bit on any number of threads.
#include "kernels/attention.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kKeys = 64;          // keys of a block: two blocks of 64 x 64 floats and three of bf16 stay in L1
constexpr int64_t kQueries = 64;       // queries of a block
constexpr int64_t kMinSegment = 512;   // a segment costs packing of the queries that see it
constexpr int64_t kEnoughTasks = 16;   // no more segments than give this many tasks

// The queries of one head that see a segment, element i being query `begin + i`; padded to whole vectors.
struct Queries {
  int64_t begin, count;
  int32_t *first, *last;  // padding: sees nothing
  float *lse, *d;         // lse +inf where the query sees nothing, so that P = 0
};

// S^T (scaled) and dP^T -> P^T and dS^T, for keys j0 .. j0+keys and `columns` queries from column c0; columns a multiple
// of kAlign. masked: some (key, query) pair of the block may be invisible.
#if POLLUX_SCALAR

template <class T>
void gradient_block(const float* s, const float* dp, const Queries& q, int64_t c0, int64_t columns, int64_t j0, int64_t keys,
                    float cap, bool masked, T* p, T* ds) {
  for (int64_t r = 0; r < keys; r++) {
    for (int64_t x = 0; x < columns; x++) {
      const int64_t at = r * kQueries + x, i = c0 + x, j = j0 + r;
      p[at] = ds[at] = T(0);
      if (masked && (j < q.first[i] || j > q.last[i])) continue;
      float score = s[at], slope = 1;
      if (cap > 0) {
        const float t = tanhf(score / cap);
        score = cap * t;
        slope = 1 - t * t;
      }
      const float probability = expf(score - q.lse[i]);
      p[at] = from_float<T>(probability);
      ds[at] = from_float<T>(probability * (dp[at] - q.d[i]) * slope);
    }
  }
}

template <class A, class B> float dot_row(const A* a, const B* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += to_float(a[i]) * to_float(b[i]);
  return sum;
}

void add_row(float* x, const float* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] += y[i];
}

#else

inline vi load_int(const int32_t* p) {
  vi v;
  memcpy(&v, p, sizeof v);
  return v;
}

template <bool kMasked, bool kCapped, class T>
void gradient_rows(const float* s, const float* dp, const Queries& q, int64_t c0, int64_t columns, int64_t j0, int64_t keys,
                   float cap, T* p, T* ds) {
  const float inverse = kCapped ? 1 / cap : 0;
  for (int64_t x = 0; x < columns; x += kLanes) {
    const vf lse = load(q.lse + c0 + x), d = load(q.d + c0 + x);
    const vi first = load_int(q.first + c0 + x), last = load_int(q.last + c0 + x);
    for (int64_t r = 0; r < keys; r++) {
      const int64_t at = r * kQueries + x;
      vf score = load(s + at), slope = splat(1.0f);
      if constexpr (kCapped) {
        vf t = tanh(score * inverse);
        score = cap * t;
        slope = 1.0f - t * t;
      }
      vf probability = softmax_exp(score - lse);
      vf change = probability * (load(dp + at) - d);
      if constexpr (kCapped) change *= slope;
      if constexpr (kMasked) {
        const int32_t j = int32_t(j0 + r);
        const vi seen = (first <= j) & (last >= j);
        probability = select(seen, probability, vf{});
        change = select(seen, change, vf{});
      }
      store(p + at, probability);
      store(ds + at, change);
    }
  }
}

template <class T>
void gradient_block(const float* s, const float* dp, const Queries& q, int64_t c0, int64_t columns, int64_t j0, int64_t keys,
                    float cap, bool masked, T* p, T* ds) {
  if (cap > 0) gradient_rows<true, true, T>(s, dp, q, c0, columns, j0, keys, cap, p, ds);
  else if (masked) gradient_rows<true, false, T>(s, dp, q, c0, columns, j0, keys, cap, p, ds);
  else gradient_rows<false, false, T>(s, dp, q, c0, columns, j0, keys, cap, p, ds);
}

template <class A, class B> float dot_row(const A* a, const B* b, int64_t n) {
  vf sum = vf{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) sum += load(a + i) * load(b + i);
  if (i < n) sum += load_part(a + i, int(n - i)) * load_part(b + i, int(n - i));
  return sum_lanes(sum);
}

void add_row(float* x, const float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) store(x + i, load(x + i) + load(y + i));
}

#endif

// A segment of keys and who sees it.
struct Segment {
  int64_t begin, end;              // keys
  int64_t query_begin, query_end;  // queries; begin is a multiple of kAlign
};

struct Segments {
  int64_t count, keys;  // segments of a sequence, keys of each
};

Segments segments_of(const AttentionArgs& a) {
  const int64_t wanted = divide_up(kEnoughTasks, a.batch * a.kv_heads);
  const int64_t keys = round_up(most(kMinSegment, divide_up(a.time, wanted)), kKeys);
  return {divide_up(a.time, keys), keys};
}

Segment segment_of(const AttentionArgs& a, const Segments& all, int64_t batch, int64_t number) {
  const int32_t *first = a.first + batch * a.time, *last = a.last + batch * a.time;
  Segment s = {number * all.keys, least((number + 1) * all.keys, a.time), 0, a.time};
  if (all.count == 1) return s;  // all queries, so that the task can write every row of dQ
  s.query_begin = round_down(first_at_least(last, a.time, s.begin), kAlign);
  s.query_end = most(first_at_least(first, a.time, s.end), s.query_begin);
  return s;
}

// Scratch of a task.
template <class T> struct Scratch {
  int64_t a_ld, c_ld, t_ld;  // rows of packed A over C, of floats over C, of dS over keys
  T *k_rows, *v_rows, *k_panels;
  float *dk, *dv;
  T *q_turned, *q_panels, *do_turned, *do_panels;
  Queries queries;
  float* dq;  // used where there is one segment
  float *s, *dp;
  T *p, *ds, *ds_turned;

  Scratch(Carver& carver, int64_t keys, int64_t count, int64_t c, bool own_dq)
      : a_ld(spread_ld<T>(c)), c_ld(float_ld(c)), t_ld(spread_ld<T>(kKeys)) {
    const int64_t padded = round_up(count, kAlign);
    k_rows = carver.take<T>(keys * a_ld);
    v_rows = carver.take<T>(keys * a_ld);
    k_panels = carver.take<T>(packed_elements<T>(keys, c));
    dk = carver.take<float>(keys * c_ld);
    dv = carver.take<float>(keys * c_ld);
    q_turned = carver.take<T>(packed_elements<T>(c, count));
    q_panels = carver.take<T>(packed_elements<T>(count, c));
    do_turned = carver.take<T>(packed_elements<T>(c, count));
    do_panels = carver.take<T>(packed_elements<T>(count, c));
    queries.first = carver.take<int32_t>(padded);
    queries.last = carver.take<int32_t>(padded);
    queries.lse = carver.take<float>(padded);
    queries.d = carver.take<float>(padded);
    dq = carver.take<float>(own_dq ? count * c_ld : 0);
    s = carver.take<float>(kKeys * kQueries);
    dp = carver.take<float>(kKeys * kQueries);
    p = carver.take<T>(kKeys * kQueries);
    ds = carver.take<T>(kKeys * kQueries);
    ds_turned = carver.take<T>(kQueries * t_ld);
  }
};

struct Gradients {
  View o, d_o;
  const float* lse;
  MutView dq, dk, dv;
};

void write_rows(MutView dst, int64_t offset, int64_t stride, const float* src, int64_t ld, int64_t rows, int64_t c) {
  POLLUX_DISPATCH(dst.dtype, D, {
    for (int64_t i = 0; i < rows; i++) write_row(src + i * ld, c, 1.0f, (D*)dst.data + offset + i * stride);
  });
}

// Packs one head's queries and their gradients, and stages what the elementwise step needs per query.
template <class T>
void load_queries(const AttentionArgs& a, const Gradients& g, int64_t batch, int64_t head, Scratch<T>& x) {
  Queries& q = x.queries;
  const int64_t c = a.head_dim, ld = a.heads * c, offset = ((batch * a.time + q.begin) * a.heads + head) * c;
  pack_bt<T>(a.q, offset, ld, c, q.count, x.q_turned);
  pack_b<T>(a.q, offset, ld, q.count, c, x.q_panels);
  pack_bt<T>(g.d_o, offset, ld, c, q.count, x.do_turned);
  pack_b<T>(g.d_o, offset, ld, q.count, c, x.do_panels);
  const float* lse = g.lse + (batch * a.heads + head) * a.time + q.begin;
  const int32_t *first = a.first + batch * a.time + q.begin, *last = a.last + batch * a.time + q.begin;
  for (int64_t i = 0; i < round_up(q.count, kAlign); i++) {
    const bool real = i < q.count;
    q.first[i] = real ? first[i] : INT32_MAX;
    q.last[i] = real ? last[i] : -1;
    q.lse[i] = real && lse[i] != -INFINITY ? lse[i] : INFINITY;
    q.d[i] = 0;
  }
  POLLUX_DISPATCH(g.o.dtype, A, POLLUX_DISPATCH(g.d_o.dtype, B, {
    for (int64_t i = 0; i < q.count; i++)
      q.d[i] = dot_row((const A*)g.o.data + offset + i * ld, (const B*)g.d_o.data + offset + i * ld, c);
  }));
}

// One block of keys [j0, j0 + keys) of the segment against all queries that see it.
template <class T>
void key_block(const AttentionArgs& a, const Segment& segment, int64_t j0, int64_t keys, Scratch<T>& x, float* dq) {
  const Queries& q = x.queries;
  const int64_t c = a.head_dim, kp = padded_k<T>(c), j = j0 - segment.begin, panel = panel_stride<T>(c);
  const int64_t q_panel = panel_stride<T>(q.count), k_panel = panel_stride<T>(segment.end - segment.begin);
  const int64_t begin = round_down(first_at_least(q.last, q.count, j0), kAlign);
  const int64_t end = first_at_least(q.first, q.count, j0 + keys);
  for (int64_t i = begin; i < end; i += kQueries) {
    const int64_t n = least(kQueries, end - i), columns = round_up(n, kAlign), depth = padded_k<T>(n);
    const bool all_seen = n == columns && q.first[i + n - 1] <= j0 && q.last[i] >= j0 + keys - 1;
    block_gemm<T, float>(keys, n, kp, x.k_rows + j * x.a_ld, x.a_ld, x.q_turned + i * kp, panel, x.s, kQueries, false, a.scale);
    block_gemm<T, float>(keys, n, kp, x.v_rows + j * x.a_ld, x.a_ld, x.do_turned + i * kp, panel, x.dp, kQueries, false);
    gradient_block<T>(x.s, x.dp, q, i, columns, j0, keys, a.softcap, !all_seen, x.p, x.ds);
    block_gemm<T, float>(keys, c, depth, x.p, kQueries, x.do_panels + i * kPanel, q_panel, x.dv + j * x.c_ld, x.c_ld, true);
    block_gemm<T, float>(keys, c, depth, x.ds, kQueries, x.q_panels + i * kPanel, q_panel, x.dk + j * x.c_ld, x.c_ld, true,
                         a.scale);
    pack_at<T, T>(x.ds, kQueries, nullptr, n, keys, x.ds_turned, x.t_ld);
    block_gemm<T, float>(n, c, padded_k<T>(keys), x.ds_turned, x.t_ld, x.k_panels + j * kPanel, k_panel, dq + i * x.c_ld,
                         x.c_ld, true, a.scale);
  }
}

// dK and dV of one segment, and its share of dQ: into dq_part [group, queries, c_ld], or straight to the result if null.
template <class T>
void segment_task(const AttentionArgs& a, const Gradients& g, int64_t batch, int64_t kv_head, const Segment& segment,
                  Scratch<T>& x, float* dq_part) {
  const int64_t c = a.head_dim, group = a.heads / a.kv_heads, ld = a.kv_heads * c, count = segment.end - segment.begin;
  const int64_t offset = ((batch * a.time + segment.begin) * a.kv_heads + kv_head) * c;
  pack_a<T>(a.k, offset, ld, nullptr, count, c, x.k_rows, x.a_ld);
  pack_a<T>(a.v, offset, ld, nullptr, count, c, x.v_rows, x.a_ld);
  pack_b<T>(a.k, offset, ld, count, c, x.k_panels);
  memset(x.dk, 0, size_t(count * x.c_ld) * sizeof(float));
  memset(x.dv, 0, size_t(count * x.c_ld) * sizeof(float));
  x.queries.begin = segment.query_begin;
  x.queries.count = segment.query_end - segment.query_begin;
  for (int64_t h = 0; h < group; h++) {
    const int64_t head = kv_head * group + h, size = x.queries.count * x.c_ld;
    float* dq = dq_part ? dq_part + h * size : x.dq;
    load_queries<T>(a, g, batch, head, x);
    memset(dq, 0, size_t(size) * sizeof(float));
    for (int64_t j0 = segment.begin; j0 < segment.end; j0 += kKeys)
      key_block<T>(a, segment, j0, least(kKeys, segment.end - j0), x, dq);
    if (!dq_part) write_rows(g.dq, (batch * a.time * a.heads + head) * c, a.heads * c, dq, x.c_ld, a.time, c);
  }
  write_rows(g.dk, offset, ld, x.dk, x.c_ld, count, c);
  write_rows(g.dv, offset, ld, x.dv, x.c_ld, count, c);
}

// dQ = the sum of the segments' shares, in order.
void add_segments(const AttentionArgs& a, const Segments& all, const float* parts, const int64_t* starts, MutView dq) {
  constexpr int64_t kPositions = 64;
  const int64_t c = a.head_dim, c_ld = float_ld(c), group = a.heads / a.kv_heads, blocks = divide_up(a.time, kPositions);
  parallel_for(a.batch * a.heads * blocks, [&](int64_t task, int thread) {
    const int64_t head = task / blocks % a.heads, batch = task / blocks / a.heads, i0 = task % blocks * kPositions;
    const int64_t i1 = least(i0 + kPositions, a.time);
    float* sum = (float*)thread_scratch(thread, 0, size_t(kPositions * c_ld) * sizeof(float));
    memset(sum, 0, size_t(kPositions * c_ld) * sizeof(float));
    for (int64_t number = 0; number < all.count; number++) {
      const Segment s = segment_of(a, all, batch, number);
      const float* part = parts + starts[(batch * a.kv_heads + head / group) * all.count + number] +
                          head % group * (s.query_end - s.query_begin) * c_ld;
      for (int64_t i = most(i0, s.query_begin); i < least(i1, s.query_end); i++)
        add_row(sum + (i - i0) * c_ld, part + (i - s.query_begin) * c_ld, c_ld);
    }
    write_rows(dq, ((batch * a.time + i0) * a.heads + head) * c, a.heads * c, sum, c_ld, i1 - i0, c);
  });
}

template <class T> void backward(const AttentionArgs& a, const Gradients& g) {
  const Segments all = segments_of(a);
  const int64_t tasks = a.batch * a.kv_heads * all.count, group = a.heads / a.kv_heads, c_ld = float_ld(a.head_dim);
  const bool split = all.count > 1;
  int64_t* starts = (int64_t*)shared_scratch(0, size_t(tasks) * sizeof(int64_t));
  int64_t total = 0;
  for (int64_t task = 0; task < tasks; task++) {
    const Segment s = segment_of(a, all, task / all.count / a.kv_heads, task % all.count);
    starts[task] = total;
    if (split) total += group * (s.query_end - s.query_begin) * c_ld;
  }
  float* parts = split ? (float*)shared_scratch(1, size_t(total) * sizeof(float)) : nullptr;
  parallel_for(tasks, [&](int64_t task, int thread) {
    const int64_t head = task / all.count, batch = head / a.kv_heads;
    const Segment s = segment_of(a, all, batch, task % all.count);
    const int64_t keys = s.end - s.begin, queries = s.query_end - s.query_begin;
    Carver measure{nullptr};
    Scratch<T>(measure, keys, queries, a.head_dim, !split);
    Carver carver{(char*)thread_scratch(thread, 0, measure.used)};
    Scratch<T> scratch(carver, keys, queries, a.head_dim, !split);
    segment_task<T>(a, g, batch, head % a.kv_heads, s, scratch, split ? parts + starts[task] : nullptr);
  });
  if (split) add_segments(a, all, parts, starts, g.dq);
}

}  // namespace

void attention_backward(const AttentionArgs& args, View o, const float* lse, View d_o, MutView dq, MutView dk, MutView dv) {
  if (args.batch == 0 || args.time == 0 || args.heads == 0) return;
  const Gradients gradients = {o, d_o, lse, dq, dk, dv};
  if (args.compute == BF16)
    backward<Half>(args, gradients);
  else
    backward<float>(args, gradients);
}

}  // namespace pollux::POLLUX_NS
