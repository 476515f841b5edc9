// The addon's entry: exports the chosen kernel table, aligned memory and facts about the machine.
#include <cstdlib>
#include <mutex>
#if defined(__linux__)
#include <malloc.h>
#include <sys/mman.h>
#endif
#include "binding/bind.h"
#include "binding/dispatch.h"
#include "parallel/pool.h"

namespace pollux::binding {

void define_tokenizer(napi_env env, napi_value exports);  // native/tokenizer/binding.cc

namespace {

const KernelTable* table;

constexpr size_t kHugePage = size_t(1) << 21;

void free_buffer(node_api_basic_env, void* data, void*) { std::free(data); }

// allocate(bytes): a zeroed ArrayBuffer, 64-byte aligned, on huge pages from 2 MiB up.
napi_value allocate(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  double wanted = -1;
  if (count == 1) napi_get_value_double(env, argument, &wanted);
  if (!(wanted >= 0) || wanted > 9e15) {
    napi_throw_range_error(env, nullptr, "native allocate: bytes must be a number of 0 or more");
    return nullptr;
  }
  size_t alignment = wanted >= double(kHugePage) ? kHugePage : 64;
  size_t bytes = (size_t(wanted) + alignment - 1) / alignment * alignment;
  if (bytes == 0) bytes = alignment;
  void* data = std::aligned_alloc(alignment, bytes);
  if (data == nullptr) {
    napi_throw_range_error(env, "ERR_OUT_OF_MEMORY", ("native allocate: out of memory, asked for " + std::to_string(bytes) + " bytes").c_str());
    return nullptr;
  }
#if defined(__linux__)
  if (alignment == kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  __builtin_memset(data, 0, bytes);
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, data, size_t(wanted), free_buffer, nullptr, &buffer) != napi_ok) {
    std::free(data);
    napi_throw_error(env, nullptr, "native allocate: this JavaScript engine takes no external memory");
    return nullptr;
  }
  return buffer;
}

// release(buffer): frees it now. Every view of it then has length 0, so a late use cannot touch the memory.
napi_value release(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (napi_detach_arraybuffer(env, argument) != napi_ok) napi_throw_type_error(env, nullptr, "native release: must be an ArrayBuffer");
  return nullptr;
}

// trim(): hands what was freed back to the system, where the allocator keeps it for itself otherwise (glibc).
napi_value trim(napi_env, napi_callback_info) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  return nullptr;
}

void set_string(napi_env env, napi_value object, const char* key, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, object, key, value);
}

void define_products(napi_env env, napi_value exports) {
  define(env, exports, "gemmPackedBytes", table->gemm_packed_bytes);
  define(env, exports, "gemmPack", table->gemm_pack);
  define(env, exports, "gemm",
         +[](View a, View b, const void* packed, MutView c, int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb,
             int64_t ldc, int64_t batch, int64_t stride_a, int64_t stride_b, int64_t stride_c, bool a_transposed,
             bool b_transposed, bool accumulate, Dtype compute, float alpha) {
           table->gemm({a, b, packed, c, m, n, k, lda, ldb, ldc, batch, stride_a, stride_b, stride_c, a_transposed,
                        b_transposed, accumulate, compute, alpha});
         });
  define(env, exports, "groupedGemm",
         +[](View a, const int32_t* a_index, View b, const void* packed, MutView c, const int32_t* c_index,
             const int32_t* offsets, int64_t groups, int64_t n, int64_t k, bool b_transposed, bool accumulate,
             Dtype compute) {
           table->grouped_gemm({a, a_index, b, packed, c, c_index, offsets, groups, n, k, b_transposed, accumulate, compute});
         });
  define(env, exports, "groupedOuter",
         +[](View a, const int32_t* a_index, View b, const int32_t* b_index, MutView c, const int32_t* offsets,
             int64_t groups, int64_t m, int64_t n, bool accumulate, Dtype compute) {
           table->grouped_outer({a, a_index, b, b_index, c, offsets, groups, m, n, accumulate, compute});
         });
}

void define_quantised(napi_env env, napi_value exports) {
  define(env, exports, "quantisedBytes", table->quantised_bytes);
  define(env, exports, "quantisedPack", table->quantised_pack);
  define(env, exports, "quantisedGemm",
         +[](View a, int64_t a_rows, const int32_t* a_index, const void* packed, MutView c, const int32_t* offsets,
             int64_t rows, int64_t groups, int64_t n, int64_t k, int32_t bits) {
           table->quantised_gemm({a, a_rows, a_index, packed, c, offsets, rows, groups, n, k, bits});
         });
}

void define_attention(napi_env env, napi_value exports) {
  define(env, exports, "attentionForward",
         +[](View q, View k, View v, const int32_t* first, const int32_t* last, int64_t batch, int64_t time,
             int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float softcap, Dtype compute, MutView o,
             float* lse) {
           table->attention_forward({q, k, v, first, last, batch, time, heads, kv_heads, head_dim, scale, softcap, compute}, o, lse);
         });
  define(env, exports, "attentionBackward",
         +[](View q, View k, View v, const int32_t* first, const int32_t* last, int64_t batch, int64_t time,
             int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float softcap, Dtype compute, View o,
             const float* lse, View d_o, MutView dq, MutView dk, MutView dv) {
           table->attention_backward({q, k, v, first, last, batch, time, heads, kv_heads, head_dim, scale, softcap, compute},
                                     o, lse, d_o, dq, dk, dv);
         });
}

// The address of an array's first byte as a number (below 2^53): what a table of pages is made of.
double address_of(void* bytes) { return double(reinterpret_cast<uintptr_t>(bytes)); }

void define_cache(napi_env env, napi_value exports) {
  define(env, exports, "addressOf", address_of);
  define(env, exports, "cacheWrite",
         +[](const uint64_t* pages, int64_t page_tokens, int64_t kv_heads, int64_t head_dim, CacheDtype dtype,
             bool values_only, int64_t sequences, const int32_t* page_starts, const int32_t* row_starts, View k, View v,
             const int32_t* at) {
           table->cache_write({pages, page_tokens, kv_heads, head_dim, dtype, values_only, {}, nullptr, nullptr, nullptr, nullptr},
                              {sequences, page_starts, row_starts}, k, v, at);
         });
  define(env, exports, "cacheAttention",
         +[](const uint64_t* pages, int64_t page_tokens, int64_t kv_heads, int64_t head_dim, CacheDtype dtype,
             bool values_only, int64_t sequences, const int32_t* page_starts, const int32_t* row_starts, View key_norm,
             const float* page_cos, const float* page_sin, const float* slot_cos, const float* slot_sin,
             const int32_t* origins, View q, const int32_t* first, const int32_t* last, int64_t heads, float scale,
             Dtype compute, MutView o) {
           table->cache_attention({pages, page_tokens, kv_heads, head_dim, dtype, values_only, key_norm, page_cos, page_sin,
                                   slot_cos, slot_sin},
                                  {sequences, page_starts, row_starts}, {q, first, last, origins, heads, scale, compute}, o);
         });
}

void define_head(napi_env env, napi_value exports) {
  define(env, exports, "headCrossEntropy",
         +[](View x, View embeddings, const void* packed, const void* packed_back, const int32_t* targets, float* loss,
             float* lse, MutView dx, float* dtable, int64_t rows, int64_t dim, int64_t vocab, float softcap,
             float z_coefficient, float grad_scale, Dtype compute) {
           table->head_cross_entropy({x, embeddings, packed, packed_back, targets, loss, lse, dx, dtable, rows, dim, vocab,
                                      softcap, z_coefficient, grad_scale, compute});
         });
}

void define_rest(napi_env env, napi_value exports) {
  define(env, exports, "rmsnormForward", table->rmsnorm_forward);
  define(env, exports, "rmsnormBackward", table->rmsnorm_backward);
  define(env, exports, "headNormRopeForward", table->head_norm_rope_forward);
  define(env, exports, "headNormRopeBackward", table->head_norm_rope_backward);
  define(env, exports, "convert", table->convert);
  define(env, exports, "axpby", table->axpby);
  define(env, exports, "multiply", table->multiply);
  define(env, exports, "softcap", table->softcap);
  define(env, exports, "gegluForward", table->geglu_forward);
  define(env, exports, "gegluBackward", table->geglu_backward);
  define(env, exports, "embeddingForward", table->embedding_forward);
  define(env, exports, "embeddingBackward", table->embedding_backward);
  define(env, exports, "routerForward", table->router_forward);
  define(env, exports, "routerBackward", table->router_backward);
  define(env, exports, "dispatchPlan", table->dispatch_plan);
  define(env, exports, "combineForward", table->combine_forward);
  define(env, exports, "combineBackward", table->combine_backward);
  define(env, exports, "sumSquares", table->sum_squares);
  define(env, exports, "adamw", table->adamw);
  define(env, exports, "muon", table->muon);
}

napi_value init(napi_env env, napi_value exports) {
  static std::mutex mutex;  // two JavaScript threads may load the addon at once
  std::lock_guard lock(mutex);
  std::string error;
  table = choose_table(&error);
  if (table == nullptr) {
    napi_throw_error(env, "ERR_POLLUX_ISA", error.c_str());
    return nullptr;
  }
  set_string(env, exports, "isa", table->isa);
  std::string names;
  for (const auto* each : supported_tables()) {
    if (!names.empty()) names += ',';
    names += each->isa;
  }
  set_string(env, exports, "supportedIsas", names.c_str());
  napi_set_named_property(env, exports, "threads", to_js(env, num_threads()));
  set_callback(env, exports, "allocate", allocate, nullptr);
  set_callback(env, exports, "release", release, nullptr);
  set_callback(env, exports, "trim", trim, nullptr);
  define_products(env, exports);
  define_quantised(env, exports);
  define_attention(env, exports);
  define_cache(env, exports);
  define_head(env, exports);
  define_rest(env, exports);
  define_tokenizer(env, exports);
  return exports;
}

}  // namespace
}  // namespace pollux::binding

NAPI_MODULE_INIT() { return pollux::binding::init(env, exports); }
