// The tied output head fused with cross-entropy (HeadArgs in kernels.h): loss and both gradients in one pass.
//
//   s = x E^T,   l = cap * tanh(s / cap),   loss = logsumexp(l) - l[target]
//   ds = (softmax(l) * (1 + 2 z lse) - onehot(target)) * (1 - (l / cap)^2) * grad_scale
//   dx = ds E,   dE += ds^T x
//
// Rows go through in chunks of kChunk. A task takes kRows of them: their logits (kRows x V floats) stay in its
// scratch, only ds is kept, in the compute type, for the chunk: kChunk x V is all that ever exists of the logits.
// dE then takes the whole chunk at once, so E's gradient is read and written once per chunk, not per task.
#include <math.h>
#include "kernels/block_gemm.h"
#include "kernels/ops.h"
#include "parallel/pool.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kChunk = 1024;
constexpr int64_t kRows = 48;       // 4 tiles of 12 rows reuse each panel of E; 48 x 4096 floats fit in 1 MiB of L2
constexpr int64_t kVocabRows = 96;  // rows of dE per task

// What a row of logits needs to become a row of gradients.
struct RowSum {
  float max, lse;
};

#if POLLUX_SCALAR

RowSum cap_and_sum(float* s, int64_t n, float cap) {
  float max = -INFINITY, sum = 0;
  for (int64_t j = 0; j < n; j++) {
    if (cap > 0) s[j] = cap * tanhf(s[j] / cap);
    max = s[j] > max ? s[j] : max;
  }
  for (int64_t j = 0; j < n; j++) sum += expf(s[j] - max);
  return {max, max + logf(sum)};
}

template <class T> void gradient_row(const float* l, int64_t n, float lse, float z, float cap, float scale, T* ds) {
  for (int64_t j = 0; j < n; j++) {
    float slope = cap > 0 ? 1 - (l[j] / cap) * (l[j] / cap) : 1.0f;
    ds[j] = from_float<T>(expf(l[j] - lse) * (1 + 2 * z * lse) * slope * scale);
  }
}

#else

// Logits after the cap, in place, and their log-sum-exp.
RowSum cap_and_sum(float* s, int64_t n, float cap) {
  vf top = splat(-INFINITY), total = vf{};
  const float inverse = cap > 0 ? 1 / cap : 0;
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t j = 0; j < whole; j += kLanes) {
    vf l = load(s + j);
    if (cap > 0) {
      l = cap * tanh(l * inverse);
      store(s + j, l);
    }
    top = max(top, l);
  }
  float largest = reduce_max(top);
  for (int64_t j = whole; j < n; j++) {
    if (cap > 0) s[j] = cap * tanhf(s[j] * inverse);
    largest = s[j] > largest ? s[j] : largest;
  }
  for (int64_t j = 0; j < whole; j += kLanes) total += exp(load(s + j) - largest);
  float sum = reduce_add(total);
  for (int64_t j = whole; j < n; j++) sum += expf(s[j] - largest);
  return {largest, largest + logf(sum)};
}

// The softmax part of ds; the target's -1 is added by the caller.
template <class T> void gradient_row(const float* l, int64_t n, float lse, float z, float cap, float scale, T* ds) {
  const float factor = (1 + 2 * z * lse) * scale, inverse = cap > 0 ? 1 / cap : 0;
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    vf x = load(l + j), ratio = x * inverse;
    store(ds + j, exp(x - lse) * (factor * (1.0f - ratio * ratio)));
  }
  for (; j < n; j++) {
    float ratio = l[j] * inverse;
    ds[j] = from_float<T>(expf(l[j] - lse) * factor * (1 - ratio * ratio));
  }
}

#endif

template <class T> struct Packed {
  const T *forward, *back;  // E^T for x E^T, and E for ds E
};

template <class T> const T* pack_table(const HeadArgs& h, bool transposed, int slot) {
  int64_t k = transposed ? h.dim : h.vocab, n = transposed ? h.vocab : h.dim;
  T* packed = (T*)shared_scratch(slot, size_t(packed_elements<T>(k, n)) * sizeof(T));
  gemm_pack(h.table, transposed, k, n, 1, h.compute, packed);
  return packed;
}

// Rows [first, first + rows) of the chunk: loss, ds and dx.
template <class T, class S>
void head_rows(const HeadArgs& h, const Packed<T>& table, int64_t first, int64_t rows, T* ds, int64_t ds_ld, int thread) {
  const int64_t kp = padded_k<T>(h.dim), logits_ld = round_up(h.vocab, kPanel);
  T* x = (T*)thread_scratch(thread, 1, size_t(rows * kp) * sizeof(T));
  float* logits = (float*)thread_scratch(thread, 2, size_t(rows * logits_ld) * sizeof(float));
  pack_a<T, S>((const S*)h.x.data + first * h.dim, h.dim, nullptr, rows, h.dim, x);
  block_gemm<T, float>(rows, h.vocab, kp, x, kp, table.forward, panel_stride<T>(h.dim), logits, logits_ld, false);
  for (int64_t i = 0; i < rows; i++) {
    const int32_t target = h.targets[first + i];
    const bool counted = target >= 0 && target < h.vocab;
    float* row = logits + i * logits_ld;
    RowSum sum = cap_and_sum(row, h.vocab, h.softcap);
    h.loss[first + i] = counted ? sum.lse - row[target] : 0;
    if (h.lse) h.lse[first + i] = sum.lse;
    if (ds == nullptr) continue;
    T* out = ds + i * ds_ld;
    memset(out + h.vocab, 0, size_t(ds_ld - h.vocab) * sizeof(T));
    if (!counted) {
      memset(out, 0, size_t(h.vocab) * sizeof(T));
      continue;
    }
    gradient_row<T>(row, h.vocab, sum.lse, h.z_coefficient, h.softcap, h.grad_scale, out);
    // The target's entry anew from float: softmax - 1 cancels where the model is sure.
    float l = row[target], slope = h.softcap > 0 ? 1 - (l / h.softcap) * (l / h.softcap) : 1.0f;
    float p = expf(l - sum.lse) * (1 + 2 * h.z_coefficient * sum.lse);
    out[target] = from_float<T>((p - 1) * slope * h.grad_scale);
  }
  if (h.dx.data == nullptr) return;
  POLLUX_DISPATCH(h.dx.dtype, C,
                  (block_gemm<T, C>(rows, h.dim, padded_k<T>(h.vocab), ds, ds_ld, table.back, panel_stride<T>(h.vocab),
                                    (C*)h.dx.data + first * h.dim, h.dim, false)));
}

// dE += ds^T x over one chunk.
template <class T, class S> void head_table_gradient(const HeadArgs& h, int64_t first, int64_t rows, const T* ds, int64_t ds_ld) {
  const int64_t panels = divide_up(h.dim, kPanel), kp = padded_k<T>(rows), lda = spread_ld<T>(rows);
  T* x = (T*)shared_scratch(4, size_t(packed_elements<T>(rows, h.dim)) * sizeof(T));
  constexpr int64_t kPanelsPerTask = 4;
  parallel_for(divide_up(panels, kPanelsPerTask), [&](int64_t task, int) {
    pack_b<T, S>((const S*)h.x.data + first * h.dim, h.dim, nullptr, rows, h.dim, task * kPanelsPerTask,
                 least((task + 1) * kPanelsPerTask, panels), x);
  });
  parallel_for(divide_up(h.vocab, kVocabRows), [&](int64_t task, int thread) {
    const int64_t v0 = task * kVocabRows, count = least(kVocabRows, h.vocab - v0);
    T* turned = (T*)thread_scratch(thread, 3, size_t(kVocabRows * lda) * sizeof(T));
    pack_at<T, T>(ds + v0, ds_ld, nullptr, count, rows, turned, lda);
    block_gemm<T, float>(count, h.dim, kp, turned, lda, x, panel_stride<T>(rows), h.dtable + v0 * h.dim, h.dim, true);
  });
}

template <class T, class S> void head_all(const HeadArgs& h) {
  const bool gradients = h.dx.data != nullptr || h.dtable != nullptr;
  Packed<T> table = {(const T*)h.packed, (const T*)h.packed_back};
  if (table.forward == nullptr) table.forward = pack_table<T>(h, true, 1);
  if (table.back == nullptr && h.dx.data != nullptr) table.back = pack_table<T>(h, false, 2);
  const int64_t ds_ld = spread_ld<T>(h.vocab) < padded_k<T>(h.vocab) ? padded_k<T>(h.vocab) : spread_ld<T>(h.vocab);
  T* ds = gradients ? (T*)shared_scratch(3, size_t(least(kChunk, h.rows) * ds_ld) * sizeof(T)) : nullptr;
  for (int64_t first = 0; first < h.rows; first += kChunk) {
    const int64_t rows = least(kChunk, h.rows - first);
    parallel_for(divide_up(rows, kRows), [&](int64_t task, int thread) {
      const int64_t i = task * kRows;
      head_rows<T, S>(h, table, first + i, least(kRows, rows - i), ds ? ds + i * ds_ld : nullptr, ds_ld, thread);
    });
    if (h.dtable) head_table_gradient<T, S>(h, first, rows, ds, ds_ld);
  }
}

}  // namespace

void head_cross_entropy(const HeadArgs& args) {
  if (args.compute == BF16) {
    POLLUX_DISPATCH(args.x.dtype, S, (head_all<Half, S>(args)));
  } else {
    POLLUX_DISPATCH(args.x.dtype, S, (head_all<float, S>(args)));
  }
}

}  // namespace pollux::POLLUX_NS
