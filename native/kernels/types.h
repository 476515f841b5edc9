// The few plain types that cross every kernel boundary. Same meaning for every instruction set.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace pollux {

enum Dtype : int32_t { F32 = 0, BF16 = 1 };

// How a key-value cache keeps its numbers; int8 with one float scale a row.
enum CacheDtype : int32_t { CACHE_F32 = 0, CACHE_BF16 = 1, CACHE_INT8 = 2 };

typedef uint16_t bf16;  // the upper half of a float32

// A read-only array of `size` elements; data is null where an optional argument is left out.
struct View {
  const void* data;
  Dtype dtype;
  int64_t size;
};

// A writable array.
struct MutView {
  void* data;
  Dtype dtype;
  int64_t size;
};

}  // namespace pollux
