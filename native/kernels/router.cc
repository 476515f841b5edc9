// Choice of experts: probabilities, the K largest, their weights; and the gradient of all of it.
//
// Softmax routing (Shazeer et al. 2017) or sigmoid scores with a selection bias (DeepSeek-V3, 2024). The bias steers
// the choice only; weights come from the unbiased probabilities. A NaN never wins: indices stay in range.
// Backward, q = p / sum over chosen (renormalise) and n = p / row sum (sigmoid):
//   dp_j = (dq_j - sum dq q) / sum of the chosen,   balance: db_e = (b_e - sum b n) / row sum
//   softmax: dl = p (dp - sum dp p);  sigmoid: dl = dp p (1 - p);  z: 2 z lse softmax(l)
#include <float.h>
#include <math.h>
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {
namespace {

// The chosen probabilities' sum is kept away from 0 for the division.
inline float divisor(float sum) { return sum > FLT_MIN ? sum : FLT_MIN; }

#if POLLUX_SCALAR

// probs of one row; returns log-sum-exp of the logits. probs may not be logits.
float probabilities(const float* logits, float* probs, int64_t n, bool sigmoid) {
  float top = logits[0], sum = 0;
  for (int64_t e = 1; e < n; e++) top = logits[e] > top ? logits[e] : top;
  for (int64_t e = 0; e < n; e++) sum += probs[e] = expf(logits[e] - top);
  for (int64_t e = 0; e < n; e++) probs[e] = sigmoid ? 1.0f / (1.0f + expf(-logits[e])) : probs[e] / sum;
  return top + logf(sum);
}

float total(const float* x, int64_t n) {
  float sum = 0;
  for (int64_t e = 0; e < n; e++) sum += x[e];
  return sum;
}
float dot(const float* x, const float* y, int64_t n) {
  float sum = 0;
  for (int64_t e = 0; e < n; e++) sum += x[e] * y[e];
  return sum;
}
void add_scaled(float* out, const float* x, float scale, int64_t n) {
  for (int64_t e = 0; e < n; e++) out[e] += x[e] * scale;
}
void selection_scores(const float* probs, const float* bias, float* scores, int64_t n) {
  for (int64_t e = 0; e < n; e++) {
    float score = probs[e] + (bias ? bias[e] : 0.0f);
    scores[e] = score > -FLT_MAX ? score : -FLT_MAX;
  }
}
int32_t largest(const float* x, int64_t n) {
  int32_t best = 0;
  for (int64_t e = 1; e < n; e++)
    if (x[e] > x[best]) best = int32_t(e);
  return best;
}

// d becomes the gradient with respect to the logits, from that with respect to probs.
void through_probabilities(float* d, const float* p, int64_t n, bool sigmoid) {
  float mean = sigmoid ? 0.0f : dot(d, p, n);
  for (int64_t e = 0; e < n; e++) d[e] = sigmoid ? d[e] * p[e] * (1.0f - p[e]) : p[e] * (d[e] - mean);
}

#else

float probabilities(const float* logits, float* probs, int64_t n, bool sigmoid) {
  float top = logits[0];
  if (n >= kLanes) {
    vf best = load(logits);
    for (int64_t e = kLanes; e + kLanes <= n; e += kLanes) best = max(best, load(logits + e));
    top = reduce_max(max(best, load(logits + n - kLanes)));
  } else {
    for (int64_t e = 1; e < n; e++) top = logits[e] > top ? logits[e] : top;
  }
  vf sums = {};
  for_lanes(n, [&](int64_t e, int lanes) {
    vf p = exp(read(logits + e, lanes) - top);
    write(probs + e, p, lanes);
    if (lanes == kLanes) sums += p;
  });
  float sum = reduce_add(sums);
  for (int64_t e = n / kLanes * kLanes; e < n; e++) sum += probs[e];
  float inverse = 1.0f / sum;
  for_lanes(n, [&](int64_t e, int lanes) {
    vf p = sigmoid ? 1.0f / (1.0f + exp(-read(logits + e, lanes))) : read(probs + e, lanes) * inverse;
    write(probs + e, p, lanes);
  });
  return top + logf(sum);
}

float total(const float* x, int64_t n) {
  vf sum = {};
  for_lanes(n, [&](int64_t e, int lanes) { sum += read(x + e, lanes); });
  return reduce_add(sum);
}
float dot(const float* x, const float* y, int64_t n) {
  vf sum = {};
  for_lanes(n, [&](int64_t e, int lanes) { sum += read(x + e, lanes) * read(y + e, lanes); });
  return reduce_add(sum);
}
void add_scaled(float* out, const float* x, float scale, int64_t n) {
  for_lanes(n, [&](int64_t e, int lanes) { write(out + e, read(out + e, lanes) + read(x + e, lanes) * scale, lanes); });
}
void selection_scores(const float* probs, const float* bias, float* scores, int64_t n) {
  for_lanes(n, [&](int64_t e, int lanes) {
    vf score = read(probs + e, lanes);
    if (bias) score += read(bias + e, lanes);
    write(scores + e, max(score, splat(-FLT_MAX)), lanes);
  });
}
// The first entry that equals the maximum.
int32_t largest(const float* x, int64_t n) {
  vf best = splat(-INFINITY);
  for (int64_t e = 0; e + kLanes <= n; e += kLanes) best = max(best, load(x + e));
  float top = reduce_max(best);
  for (int64_t e = n / kLanes * kLanes; e < n; e++) top = x[e] > top ? x[e] : top;
  for (int64_t e = 0; e < n; e++)
    if (x[e] == top) return int32_t(e);
  return 0;
}

void through_probabilities(float* d, const float* p, int64_t n, bool sigmoid) {
  float mean = sigmoid ? 0.0f : dot(d, p, n);
  for_lanes(n, [&](int64_t e, int lanes) {
    vf g = read(d + e, lanes), q = read(p + e, lanes);
    write(d + e, sigmoid ? g * q * (1.0f - q) : q * (g - mean), lanes);
  });
}

#endif

// d_logits += scale * softmax(logits), from the probabilities alone: with sigmoid, e^logit = p / (1 - p). Where p is
// so near 1 that 1 - p is lost, the share is that of a logit of about 17.
void add_softmax(float* d, const float* p, float scale, float* odds, int64_t n, bool sigmoid) {
  if (!sigmoid) return add_scaled(d, p, scale, n);
  for (int64_t e = 0; e < n; e++) {
    float rest = 1.0f - p[e];
    odds[e] = p[e] / (rest > FLT_EPSILON / 4 ? rest : FLT_EPSILON / 4);
  }
  add_scaled(d, odds, scale / divisor(total(odds, n)), n);
}

}  // namespace

void router_forward(const float* logits, const float* bias, const float* expert_scale, float* probs, int32_t* indices,
                    float* weights, int32_t* counts, float* prob_sums, float* lse, int64_t rows, int64_t experts,
                    int64_t k, bool sigmoid, bool renormalise) {
  int64_t tasks = ceil_div(rows, kSumRows);
  float* sums = zeroed_parts(tasks, experts, 0);
  int32_t* numbers = (int32_t*)zeroed_parts(tasks, experts, 1);
  parallel_chunks(rows, kSumRows, [&](int64_t first, int64_t last, int64_t task, int thread) {
    float* scores = (float*)thread_scratch(thread, 0, size_t(experts) * sizeof(float));
    for (int64_t r = first; r < last; r++) {
      float* p = probs + r * experts;
      lse[r] = probabilities(logits + r * experts, p, experts, sigmoid);
      add_scaled(sums + task * experts, p, sigmoid ? 1.0f / divisor(total(p, experts)) : 1.0f, experts);
      selection_scores(p, bias, scores, experts);
      float chosen = 0;
      for (int64_t j = 0; j < k; j++) {
        int32_t e = largest(scores, experts);
        scores[e] = -INFINITY;
        indices[r * k + j] = e;
        numbers[task * experts + e]++;
        chosen += p[e];
      }
      for (int64_t j = 0; j < k; j++) {
        int32_t e = indices[r * k + j];
        float weight = renormalise ? p[e] / divisor(chosen) : p[e];
        weights[r * k + j] = expert_scale ? weight * expert_scale[e] : weight;
      }
    }
  });
  add_parts(sums, tasks, experts, prob_sums, false);
  for (int64_t e = 0; e < experts; e++) {
    counts[e] = 0;
    for (int64_t task = 0; task < tasks; task++) counts[e] += numbers[task * experts + e];
  }
}

void router_backward(const float* d_weights, const float* balance, float z_grad, const float* expert_scale,
                     const float* probs, const int32_t* indices, const float* weights, const float* lse,
                     float* d_logits, float* d_expert_scale, int64_t rows, int64_t experts, int64_t k, bool sigmoid,
                     bool renormalise) {
  int64_t tasks = ceil_div(rows, kSumRows);
  float* scales = d_expert_scale ? zeroed_parts(tasks, experts, 0) : nullptr;
  parallel_chunks(rows, kSumRows, [&](int64_t first, int64_t last, int64_t task, int thread) {
    float* odds = (float*)thread_scratch(thread, 0, size_t(experts) * sizeof(float));
    for (int64_t r = first; r < last; r++) {
      const float* p = probs + r * experts;
      const float* dw = d_weights + r * k;
      const int32_t* chosen = indices + r * k;
      float* d = d_logits + r * experts;
      memset(d, 0, size_t(experts) * sizeof(float));
      if (balance) {
        float sum = sigmoid ? divisor(total(p, experts)) : 1.0f;
        float mean = sigmoid ? dot(balance, p, experts) / sum : 0.0f;
        for (int64_t e = 0; e < experts; e++) d[e] = (balance[e] - mean) / sum;
      }
      float sum = 1.0f, mean = 0.0f;
      if (renormalise) {
        sum = 0.0f;
        for (int64_t j = 0; j < k; j++) sum += p[chosen[j]];
        sum = divisor(sum);
      }
      for (int64_t j = 0; j < k; j++) {
        float q = p[chosen[j]] / sum;
        if (scales) scales[task * experts + chosen[j]] += dw[j] * q;
        mean += dw[j] * (expert_scale ? expert_scale[chosen[j]] : 1.0f) * q;
      }
      for (int64_t j = 0; j < k; j++) {
        float dq = dw[j] * (expert_scale ? expert_scale[chosen[j]] : 1.0f);
        d[chosen[j]] += renormalise ? (dq - mean) / sum : dq;
      }
      through_probabilities(d, p, experts, sigmoid);
      if (z_grad != 0.0f) add_softmax(d, p, 2.0f * z_grad * lse[r], odds, experts, sigmoid);
    }
  });
  if (scales) add_parts(scales, tasks, experts, d_expert_scale, true);
}

}  // namespace pollux::POLLUX_NS
