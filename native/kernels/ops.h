// Declares, inside the namespace of the instruction set being compiled, the functions that fill its table.
// The signatures are those of KernelTable (kernels.h documents them).
#pragma once
#include "kernels/isa.h"
#include "kernels/kernels.h"

namespace pollux::POLLUX_NS {

// Removes the pointer from a table entry's type, so each function is declared from its entry.
template <class T> struct Pointee;
template <class T> struct Pointee<T*> { typedef T type; };
#define POLLUX_KERNEL(name) Pointee<decltype(KernelTable::name)>::type name

POLLUX_KERNEL(gemm_packed_bytes);
POLLUX_KERNEL(gemm_pack);
POLLUX_KERNEL(gemm);
POLLUX_KERNEL(grouped_gemm);
POLLUX_KERNEL(grouped_outer);
POLLUX_KERNEL(quantised_bytes);
POLLUX_KERNEL(quantised_pack);
POLLUX_KERNEL(quantised_gemm);
POLLUX_KERNEL(attention_forward);
POLLUX_KERNEL(attention_backward);
POLLUX_KERNEL(cache_write);
POLLUX_KERNEL(cache_attention);
POLLUX_KERNEL(rmsnorm_forward);
POLLUX_KERNEL(rmsnorm_backward);
POLLUX_KERNEL(head_norm_rope_forward);
POLLUX_KERNEL(head_norm_rope_backward);
POLLUX_KERNEL(convert);
POLLUX_KERNEL(axpby);
POLLUX_KERNEL(multiply);
POLLUX_KERNEL(softcap);
POLLUX_KERNEL(geglu_forward);
POLLUX_KERNEL(geglu_backward);
POLLUX_KERNEL(embedding_forward);
POLLUX_KERNEL(embedding_backward);
POLLUX_KERNEL(router_forward);
POLLUX_KERNEL(router_backward);
POLLUX_KERNEL(dispatch_plan);
POLLUX_KERNEL(combine_forward);
POLLUX_KERNEL(combine_backward);
POLLUX_KERNEL(head_cross_entropy);
POLLUX_KERNEL(sum_squares);
POLLUX_KERNEL(adamw);
POLLUX_KERNEL(muon);

}  // namespace pollux::POLLUX_NS
