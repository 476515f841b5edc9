// The table of kernels: everything the program computes on arrays, one function pointer each.
//
// Each instruction set fills one table (table.cc, compiled once per set); dispatch.cc picks one at run
// time. Conventions for all of them:
//  - arrays are dense and row-major; sizes are int64_t; a View carries its dtype (F32 or BF16), and every
//    kernel accepts each View in either dtype unless it says otherwise. Plain float pointers are F32.
//  - arithmetic and accumulation are in float32; sums over rows are cut into chunks whose size does not
//    depend on the number of threads, so results repeat bit for bit.
//  - an argument marked `?` may be null. Arguments marked `+=` are accumulated into, others are overwritten.
//  - callers have checked shapes (src/native); kernels trust them.
// Dimension letters: R rows (tokens), D width, H query heads, G key/value heads, C head width,
//  E experts, K experts per token, F inner width of an MLP, V vocabulary, S = R*K (token, expert) pairs.
#pragma once
#include "kernels/types.h"

namespace pollux {

// One matrix product C[m,n] (+)= alpha * op(A)[m,k] * op(B)[k,n], repeated `batch` times.
struct GemmArgs {
  View a;             // A, or A transposed if a_transposed ([k,m] in memory)
  View b;             // B, or B transposed if b_transposed ([n,k] in memory); unused when packed is given
  const void* packed; // ? B as gemm_pack wrote it (for the same k, n and compute dtype)
  MutView c;
  int64_t m, n, k;
  int64_t lda, ldb, ldc;                      // elements from one row in memory to the next
  int64_t batch, stride_a, stride_b, stride_c;  // elements from one product to the next (packed: back to back)
  bool a_transposed, b_transposed;
  bool accumulate;    // C += instead of C =
  Dtype compute;      // BF16: inputs rounded to bf16, products summed in f32. F32: all in f32.
  float alpha;
};

// Products of consecutive groups of rows, one weight matrix each (experts).
// rows: group e has rows offsets[e] .. offsets[e+1].
struct GroupedArgs {
  View a;                 // [rows, k]; or [anything, k] read through a_index
  const int32_t* a_index; // ? row r of the product reads row a_index[r] of a
  View b;                 // forward: [E, n, k] if b_transposed, else [E, k, n]
  const void* packed;     // ? all E matrices as gemm_pack (batch = E) wrote them
  MutView c;              // [rows, n]
  const int32_t* c_index; // ? row r is written to row c_index[r] of c
  const int32_t* offsets; // [E+1]
  int64_t groups, n, k;
  bool b_transposed;
  bool accumulate;
  Dtype compute;
};

// Products with weights of 8 or 4 bits, for inference: one matrix, or one for each group of rows.
struct QuantisedArgs {
  View a;                 // [a_rows, k]; brought to bytes with a scale for every 32, whatever its dtype
  int64_t a_rows;
  const int32_t* a_index; // ? row r of the product reads row a_index[r] of a
  const void* packed;     // all matrices as quantised_pack wrote them
  MutView c;              // [rows, n]
  const int32_t* offsets; // ? [groups+1] rows of each group; null: all rows are of one group
  int64_t rows, groups, n, k;
  int bits;               // 8 or 4
};

// Weight gradients of the same: C_e[m,n] (+)= A_e^T[m,rows_e] * B_e[rows_e,n].
struct GroupedOuterArgs {
  View a;                 // [rows, m], through a_index if given
  const int32_t* a_index;
  View b;                 // [rows, n], through b_index if given
  const int32_t* b_index;
  MutView c;              // [E, m, n]
  const int32_t* offsets; // [E+1]
  int64_t groups, m, n;
  bool accumulate;
  Dtype compute;
};

// Attention where query i of a sequence sees keys first[i] .. last[i] (both included, absolute row
// numbers inside the sequence). Causal: last = i. Window W: first >= i-W+1. Packed documents: first >=
// start of the document. A block that sees itself both ways: last = its end. `first` and `last` must
// both be non-decreasing within a sequence; last[i] < first[i] means the query sees nothing (output 0).
struct AttentionArgs {
  View q;                // [batch, time, H, C]
  View k, v;             // [batch, time, G, C]; query head h uses key head h / (H/G)
  const int32_t *first, *last;  // [batch, time]
  int64_t batch, time, heads, kv_heads, head_dim;
  float scale;           // scores = scale * q.k
  float softcap;         // > 0: scores = softcap * tanh(scores / softcap)
  Dtype compute;
};

// Keys and values of one layer of one sequence in pages of `page_tokens` tokens (32, 64, 128 or 256). A page holds
// [part][G][token][C] numbers of `dtype`, parts being K and V; for int8 then their scales [part][G][token] as floats
// (number = byte * scale). Tokens are counted from the first of page 0.
//
// values_only: V alone is kept, v = x / rms(x), and read as a key by k = rope(v * key_norm): exact where both are norms of
// the same x. The angle of a token is that of its page's first token plus that of its slot, so that no table of all
// positions is needed.
struct CacheArgs {
  const uint64_t* pages;  // address of each page
  int64_t page_tokens, kv_heads, head_dim;
  CacheDtype dtype;
  bool values_only;
  View key_norm;                      // ? [C]; this and the rest where values_only
  const float *page_cos, *page_sin;   // ? [pages, C/2]
  const float *slot_cos, *slot_sin;   // ? [page_tokens, C/2]
};

// Sequences side by side: s has pages page_starts[s] .. page_starts[s + 1] of the tables, and rows row_starts[s] .. of k, v,
// q, o, first and last.
struct CacheBatch {
  int64_t sequences;
  const int32_t *page_starts, *row_starts;  // [sequences + 1]
};

// Queries over such caches: query i sees keys first[i] .. last[i], counted from its sequence's first page (both
// non-decreasing in a sequence; last < first: none, output 0).
struct CacheQuery {
  View q;                       // [R, H, C], normed and turned
  const int32_t *first, *last;  // [R]
  const int32_t* origins;       // [sequences] place of the first token of the first page, a multiple of page_tokens
  int64_t heads;
  float scale;
  Dtype compute;
};

// Tied output head with cross-entropy: logits = cap * tanh(x E^T / cap), never stored as a whole.
struct HeadArgs {
  View x;                  // [R, D]
  View table;              // [V, D]
  const void* packed;      // ? table as gemm_pack(transposed) wrote it, for x E^T
  const void* packed_back; // ? table as gemm_pack(not transposed) wrote it, for dlogits E
  const int32_t* targets;  // [R]; -1: no loss at this row
  float* loss;             // [R] natural-log loss of each row (0 where target is -1)
  float* lse;              // ? [R] log-sum-exp of each row's logits
  MutView dx;              // ? [R, D] gradient of sum(loss) * grad_scale
  float* dtable;           // ? += [V, D] likewise
  int64_t rows, dim, vocab;
  float softcap;           // 0: none
  float z_coefficient;     // adds z * lse^2 to the loss gradient (0: none)
  float grad_scale;
  Dtype compute;
};

struct KernelTable {
  const char* isa;

  // ---- products (gemm.cc, grouped.cc) ----
  // Bytes of one packed [k,n] matrix.
  size_t (*gemm_packed_bytes)(Dtype compute, int64_t k, int64_t n);
  // Packs `batch` matrices; src is [k,n], or [n,k] if transposed, back to back.
  void (*gemm_pack)(View src, bool transposed, int64_t k, int64_t n, int64_t batch, Dtype compute, void* packed);
  void (*gemm)(const GemmArgs& args);
  void (*grouped_gemm)(const GroupedArgs& args);
  void (*grouped_outer)(const GroupedOuterArgs& args);

  // ---- products with quantised weights (quantised.cc) ---- bits: 8 or 4
  // Bytes of one packed [n,k] matrix.
  size_t (*quantised_bytes)(int64_t bits, int64_t k, int64_t n);
  // Quantises and packs `batch` matrices [n,k], back to back: a bf16 scale for every 32 of a row.
  void (*quantised_pack)(View src, int64_t n, int64_t k, int64_t batch, int64_t bits, void* packed);
  void (*quantised_gemm)(const QuantisedArgs& args);

  // ---- attention (attention_forward.cc, attention_backward.cc) ----
  // o [batch, time, H, C]; lse ? [batch, H, time]
  void (*attention_forward)(const AttentionArgs& args, MutView o, float* lse);
  // dq, dk, dv have the shapes of q, k, v and are overwritten.
  void (*attention_backward)(const AttentionArgs& args, View o, const float* lse, View d_o, MutView dq, MutView dk,
                             MutView dv);

  // ---- key-value cache (attention_cache.cc) ----
  // Rows [R, G, C] of k (null where values_only) and v become tokens at[s], at[s] + 1, ... of their sequence's pages.
  void (*cache_write)(const CacheArgs& args, const CacheBatch& batch, View k, View v, const int32_t* at);
  // o [R, H, C]
  void (*cache_attention)(const CacheArgs& args, const CacheBatch& batch, const CacheQuery& query, MutView o);

  // ---- norms and rotary embedding (norm.cc, rope.cc) ----
  // y = residual? + x * rstd * w?,  rstd = (mean(x^2) + eps)^(-1/2);  rstd ? [R]
  void (*rmsnorm_forward)(View x, View w, View residual, MutView y, float* rstd, int64_t rows, int64_t dim, float eps);
  // dx (+)= gradient; dw ? += [D]
  void (*rmsnorm_backward)(View dy, View x, View w, const float* rstd, MutView dx, bool accumulate_dx, float* dw,
                           int64_t rows, int64_t dim);
  // Per head: x [R, heads, C] -> RMSNorm over C with w? [C] -> rotation by cos/sin? [positions, C/2] (half-split
  // pairs i, i + C/2) at row positions[r]. rstd [R, heads]. x rows are `x_stride` elements apart (a slice of a
  // fused projection); y is dense.
  void (*head_norm_rope_forward)(View x, int64_t x_stride, View w, const float* cos, const float* sin,
                                 const int32_t* positions, MutView y, float* rstd, int64_t rows, int64_t heads,
                                 int64_t head_dim, float eps);
  // dx rows are `dx_stride` apart (same slice of the fused gradient), overwritten; dw ? += [C]
  void (*head_norm_rope_backward)(View dy, View x, int64_t x_stride, View w, const float* cos, const float* sin,
                                  const int32_t* positions, const float* rstd, MutView dx, int64_t dx_stride, float* dw,
                                  int64_t rows, int64_t heads, int64_t head_dim);

  // ---- elementwise (elementwise.cc, geglu.cc) ----
  void (*convert)(View src, MutView dst, int64_t n);
  // y = alpha * a + beta * b?   (y may be a or b)
  void (*axpby)(float alpha, View a, float beta, View b, MutView y, int64_t n);
  void (*multiply)(View a, View b, MutView y, int64_t n);
  // x = cap * tanh(x / cap), in place
  void (*softcap)(float* x, float cap, int64_t n);
  // x [R, 2F], gate in the first half of each row: y = gelu_tanh(gate) * up
  void (*geglu_forward)(View x, MutView y, int64_t rows, int64_t inner);
  void (*geglu_backward)(View dy, View x, MutView dx, int64_t rows, int64_t inner);

  // ---- embedding (embedding.cc) ---- ids outside [0, V) read zeros and receive no gradient
  void (*embedding_forward)(const int32_t* ids, View table, MutView y, int64_t rows, int64_t dim, int64_t vocab,
                            float scale);
  // dtable += ; deterministic
  void (*embedding_backward)(const int32_t* ids, View dy, float* dtable, int64_t rows, int64_t dim, int64_t vocab,
                             float scale);

  // ---- mixture of experts (router.cc, dispatch.cc) ----
  // logits [R,E] (F32) -> probs [R,E] (softmax, or sigmoid if `sigmoid`), the K largest of probs + bias? per row
  // (ties: lower index first) in indices [R,K], weights [R,K] = chosen probs, divided by their sum if `renormalise`,
  // times expert_scale? [E].
  // counts [E] tokens per expert; prob_sums [E] sum over rows of probs (sigmoid: of probs / row sum);
  // lse [R] log-sum-exp of the logits.
  void (*router_forward)(const float* logits, const float* bias, const float* expert_scale, float* probs,
                         int32_t* indices, float* weights, int32_t* counts, float* prob_sums, float* lse, int64_t rows,
                         int64_t experts, int64_t k, bool sigmoid, bool renormalise);
  // d_logits overwritten: from d_weights [R,K], plus balance? [E] (gradient w.r.t. prob_sums),
  // plus z_grad * d(lse^2)/d(logits). d_expert_scale ? += [E].
  void (*router_backward)(const float* d_weights, const float* balance, float z_grad, const float* expert_scale,
                          const float* probs, const int32_t* indices, const float* weights, const float* lse,
                          float* d_logits, float* d_expert_scale, int64_t rows, int64_t experts, int64_t k,
                          bool sigmoid, bool renormalise);
  // Sorts the S = R*K pairs by expert, stable: offsets [E+1]; pair_of_row [S] (sorted row -> token*K + slot);
  // row_of_pair [S] its inverse; token_of_row [S] = pair_of_row / K.
  void (*dispatch_plan)(const int32_t* indices, int32_t* offsets, int32_t* pair_of_row, int32_t* row_of_pair,
                        int32_t* token_of_row, int64_t rows, int64_t k, int64_t experts);
  // out[t] = sum_j weights?[t,j] * y[row_of_pair[t,j]]   (weights null: all one)
  void (*combine_forward)(View y, const float* weights, const int32_t* row_of_pair, MutView out, int64_t rows, int64_t k,
                          int64_t dim);
  // dy[row] = weight * d_out[token]; d_weights [R,K] = d_out[token] . y[row]
  void (*combine_backward)(View d_out, View y, const float* weights, const int32_t* row_of_pair, MutView dy,
                           float* d_weights, int64_t rows, int64_t k, int64_t dim);

  // ---- output head (head.cc) ----
  void (*head_cross_entropy)(const HeadArgs& args);

  // ---- optimisers (adamw.cc, muon.cc) ----
  double (*sum_squares)(View x, int64_t n);
  // One AdamW step (decoupled weight decay, Loshchilov & Hutter 2019): g *= grad_scale first;
  // step counts from 1 (bias correction).
  void (*adamw)(float* p, const float* g, float* m, float* v, int64_t n, float lr, float beta1, float beta2, float eps,
                float weight_decay, float grad_scale, int64_t step);
  // One Muon step for `batch` matrices [rows, cols] back to back (Jordan et al. 2024): momentum buffer m,
  // Nesterov, 5 Newton-Schulz iterations in `compute`, update scaled by max(1, rows/cols)^(1/2), decoupled decay.
  void (*muon)(float* p, const float* g, float* m, int64_t batch, int64_t rows, int64_t cols, float lr, float momentum,
               float weight_decay, float grad_scale, Dtype compute);
};

#define POLLUX_DECLARE_TABLE(ns) namespace ns { extern const KernelTable table; }
POLLUX_DECLARE_TABLE(scalar)
POLLUX_DECLARE_TABLE(avx2)
POLLUX_DECLARE_TABLE(avx512)
POLLUX_DECLARE_TABLE(avx512bf16)
POLLUX_DECLARE_TABLE(amx)
POLLUX_DECLARE_TABLE(amxemu)
POLLUX_DECLARE_TABLE(neon)

}  // namespace pollux
