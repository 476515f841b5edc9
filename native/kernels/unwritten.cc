// Kernels not written yet: each aborts. Weak: a file that defines the kernel wins, nothing to edit here.
#include <stdlib.h>
#include "kernels/ops.h"

namespace pollux::POLLUX_NS {

__attribute__((weak)) size_t gemm_packed_bytes(Dtype, int64_t, int64_t) { abort(); }
__attribute__((weak)) void gemm_pack(View, bool, int64_t, int64_t, int64_t, Dtype, void*) { abort(); }
__attribute__((weak)) void gemm(const GemmArgs&) { abort(); }
__attribute__((weak)) void grouped_gemm(const GroupedArgs&) { abort(); }
__attribute__((weak)) void grouped_outer(const GroupedOuterArgs&) { abort(); }
__attribute__((weak)) void attention_forward(const AttentionArgs&, MutView, float*) { abort(); }
__attribute__((weak)) void attention_backward(const AttentionArgs&, View, const float*, View, MutView, MutView, MutView) { abort(); }
__attribute__((weak)) void rmsnorm_forward(View, View, View, MutView, float*, int64_t, int64_t, float) { abort(); }
__attribute__((weak)) void rmsnorm_backward(View, View, View, const float*, MutView, bool, float*, int64_t, int64_t) { abort(); }
__attribute__((weak)) void head_norm_rope_forward(View, int64_t, View, const float*, const float*, const int32_t*, MutView, float*, int64_t, int64_t, int64_t, float) { abort(); }
__attribute__((weak)) void head_norm_rope_backward(View, View, int64_t, View, const float*, const float*, const int32_t*, const float*, MutView, int64_t, float*, int64_t, int64_t, int64_t) { abort(); }
__attribute__((weak)) void convert(View, MutView, int64_t) { abort(); }
__attribute__((weak)) void axpby(float, View, float, View, MutView, int64_t) { abort(); }
__attribute__((weak)) void multiply(View, View, MutView, int64_t) { abort(); }
__attribute__((weak)) void geglu_forward(View, MutView, int64_t, int64_t) { abort(); }
__attribute__((weak)) void geglu_backward(View, View, MutView, int64_t, int64_t) { abort(); }
__attribute__((weak)) void embedding_forward(const int32_t*, View, MutView, int64_t, int64_t, int64_t, float) { abort(); }
__attribute__((weak)) void embedding_backward(const int32_t*, View, float*, int64_t, int64_t, int64_t, float) { abort(); }
__attribute__((weak)) void router_forward(const float*, const float*, const float*, float*, int32_t*, float*, int32_t*, float*, float*, int64_t, int64_t, int64_t, bool, bool) { abort(); }
__attribute__((weak)) void router_backward(const float*, const float*, float, const float*, const float*, const int32_t*, const float*, const float*, float*, float*, int64_t, int64_t, int64_t, bool, bool) { abort(); }
__attribute__((weak)) void dispatch_plan(const int32_t*, int32_t*, int32_t*, int32_t*, int32_t*, int64_t, int64_t, int64_t) { abort(); }
__attribute__((weak)) void combine_forward(View, const float*, const int32_t*, MutView, int64_t, int64_t, int64_t) { abort(); }
__attribute__((weak)) void combine_backward(View, View, const float*, const int32_t*, MutView, float*, int64_t, int64_t, int64_t) { abort(); }
__attribute__((weak)) void head_cross_entropy(const HeadArgs&) { abort(); }
__attribute__((weak)) double sum_squares(View, int64_t) { abort(); }
__attribute__((weak)) void adamw(float*, const float*, float*, float*, int64_t, float, float, float, float, float, float, int64_t) { abort(); }
__attribute__((weak)) void muon(float*, const float*, float*, int64_t, int64_t, int64_t, float, float, float, float, Dtype) { abort(); }

}  // namespace pollux::POLLUX_NS
