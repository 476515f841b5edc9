// Fills the table of one instruction set.
#include "kernels/ops.h"

#define POLLUX_STRING_(x) #x
#define POLLUX_STRING(x) POLLUX_STRING_(x)

namespace pollux::POLLUX_NS {

const KernelTable table = {
    .isa = POLLUX_STRING(POLLUX_NS),
    .gemm_packed_bytes = gemm_packed_bytes,
    .gemm_pack = gemm_pack,
    .gemm = gemm,
    .grouped_gemm = grouped_gemm,
    .grouped_outer = grouped_outer,
    .quantised_bytes = quantised_bytes,
    .quantised_pack = quantised_pack,
    .quantised_gemm = quantised_gemm,
    .attention_forward = attention_forward,
    .attention_backward = attention_backward,
    .cache_write = cache_write,
    .cache_attention = cache_attention,
    .rmsnorm_forward = rmsnorm_forward,
    .rmsnorm_backward = rmsnorm_backward,
    .head_norm_rope_forward = head_norm_rope_forward,
    .head_norm_rope_backward = head_norm_rope_backward,
    .convert = convert,
    .axpby = axpby,
    .multiply = multiply,
    .softcap = softcap,
    .geglu_forward = geglu_forward,
    .geglu_backward = geglu_backward,
    .embedding_forward = embedding_forward,
    .embedding_backward = embedding_backward,
    .router_forward = router_forward,
    .router_backward = router_backward,
    .dispatch_plan = dispatch_plan,
    .combine_forward = combine_forward,
    .combine_backward = combine_backward,
    .head_cross_entropy = head_cross_entropy,
    .sum_squares = sum_squares,
    .adamw = adamw,
    .muon = muon,
};

}  // namespace pollux::POLLUX_NS
