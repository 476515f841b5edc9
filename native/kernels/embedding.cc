// Embedding lookup and its gradient.
//
// Backward: several rows may hold the same id, so a task owns every id of one class (id modulo kClasses) in one slice
// of columns: it alone writes there, adding rows in their order, whatever thread it runs on.
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kClasses = 8;
constexpr int64_t kSlice = 128;  // columns

#if POLLUX_SCALAR
template <class T, class Y> void scaled_copy(const T* src, Y* y, float scale, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = from_float<Y>(to_float(src[i]) * scale);
}
template <class G> void add_scaled(const G* dy, float* out, float scale, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] += to_float(dy[i]) * scale;
}
#else
template <class T, class Y> void scaled_copy(const T* src, Y* y, float scale, int64_t n) {
  for_lanes(n, [&](int64_t i, int lanes) { write(y + i, read(src + i, lanes) * scale, lanes); });
}
template <class G> void add_scaled(const G* dy, float* out, float scale, int64_t n) {
  for_lanes(n, [&](int64_t i, int lanes) { write(out + i, read(out + i, lanes) + read(dy + i, lanes) * scale, lanes); });
}
#endif
}  // namespace

void embedding_forward(const int32_t* ids, View table, MutView y, int64_t rows, int64_t dim, int64_t vocab,
                       float scale) {
  parallel_chunks(rows, rows_per_task(dim), [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(table.dtype, T, POLLUX_DISPATCH(y.dtype, Y, {
      for (int64_t r = first; r < last; r++) {
        Y* out = (Y*)y.data + r * dim;
        if (ids[r] < 0 || ids[r] >= vocab) memset(out, 0, size_t(dim) * sizeof(Y));
        else scaled_copy((const T*)table.data + ids[r] * dim, out, scale, dim);
      }
    }));
  });
}

void embedding_backward(const int32_t* ids, View dy, float* dtable, int64_t rows, int64_t dim, int64_t vocab,
                        float scale) {
  parallel_for(kClasses * ceil_div(dim, kSlice), [&](int64_t task, int) {
    int64_t mine = task % kClasses, column = task / kClasses * kSlice, width = smaller(kSlice, dim - column);
    POLLUX_DISPATCH(dy.dtype, G, {
      for (int64_t r = 0; r < rows; r++)
        if (ids[r] >= 0 && ids[r] < vocab && ids[r] % kClasses == mine)
          add_scaled((const G*)dy.data + r * dim + column, dtable + ids[r] * dim + column, scale, width);
    });
  });
}

}  // namespace pollux::POLLUX_NS
