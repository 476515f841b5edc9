// Conversions, weighted sums, products and the sum of squares of whole arrays, in chunks of kTaskElements.
#include <math.h>
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {
namespace {

#if POLLUX_SCALAR

template <class S, class T> void convert_range(const S* src, T* dst, int64_t n) {
  for (int64_t i = 0; i < n; i++) dst[i] = from_float<T>(to_float(src[i]));
}
template <class A, class B, class Y> void axpby_range(float alpha, const A* a, float beta, const B* b, Y* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = from_float<Y>(alpha * to_float(a[i]) + (b ? beta * to_float(b[i]) : 0.0f));
}
template <class A, class B, class Y> void multiply_range(const A* a, const B* b, Y* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = from_float<Y>(to_float(a[i]) * to_float(b[i]));
}
template <class X> double square_range(const X* x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += double(to_float(x[i])) * double(to_float(x[i]));
  return sum;
}

#else

template <class S, class T> void convert_range(const S* src, T* dst, int64_t n) {
  for_lanes(n, [&](int64_t i, int lanes) { write(dst + i, read(src + i, lanes), lanes); });
}
template <class A, class B, class Y> void axpby_range(float alpha, const A* a, float beta, const B* b, Y* y, int64_t n) {
  if (!b) {
    for_lanes(n, [&](int64_t i, int lanes) { write(y + i, alpha * read(a + i, lanes), lanes); });
    return;
  }
  for_lanes(n, [&](int64_t i, int lanes) {
    write(y + i, alpha * read(a + i, lanes) + beta * read(b + i, lanes), lanes);
  });
}
template <class A, class B, class Y> void multiply_range(const A* a, const B* b, Y* y, int64_t n) {
  for_lanes(n, [&](int64_t i, int lanes) { write(y + i, read(a + i, lanes) * read(b + i, lanes), lanes); });
}
// Floats within 1024 elements, doubles across.
template <class X> double square_range(const X* x, int64_t n) {
  double total = 0;
  for (int64_t first = 0; first < n; first += 1024) {
    vf a = {}, b = {};
    int64_t count = smaller(1024, n - first), i = 0;
    const X* p = x + first;
    for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
      vf u = load(p + i), v = load(p + i + kLanes);
      a += u * u;
      b += v * v;
    }
    for_lanes(count - i, [&](int64_t j, int lanes) {
      vf u = read(p + i + j, lanes);
      a += u * u;
    });
    total += reduce_add(a + b);
  }
  return total;
}

#endif

void softcap_range(float* x, float cap, int64_t n) {
#if POLLUX_SCALAR
  for (int64_t i = 0; i < n; i++) x[i] = cap * tanhf(x[i] / cap);
#else
  const vf inverse = splat(1.0f / cap);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(x + i, cap * tanh(load(x + i) * inverse));
  if (i < n) store_part(x + i, cap * tanh(load_part(x + i, int(n - i)) * inverse), int(n - i));
#endif
}

}  // namespace

void softcap(float* x, float cap, int64_t n) {
  parallel_chunks(n, kTaskElements, [&](int64_t first, int64_t last, int64_t, int) { softcap_range(x + first, cap, last - first); });
}

void convert(View src, MutView dst, int64_t n) {
  parallel_chunks(n, kTaskElements, [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(src.dtype, S, POLLUX_DISPATCH(dst.dtype, T, {
      convert_range((const S*)src.data + first, (T*)dst.data + first, last - first);
    }));
  });
}

void axpby(float alpha, View a, float beta, View b, MutView y, int64_t n) {
  parallel_chunks(n, kTaskElements, [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(a.dtype, A, POLLUX_DISPATCH(b.dtype, B, POLLUX_DISPATCH(y.dtype, Y, {
      const B* second = b.data ? (const B*)b.data + first : nullptr;
      axpby_range(alpha, (const A*)a.data + first, beta, second, (Y*)y.data + first, last - first);
    })));
  });
}

void multiply(View a, View b, MutView y, int64_t n) {
  parallel_chunks(n, kTaskElements, [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(a.dtype, A, POLLUX_DISPATCH(b.dtype, B, POLLUX_DISPATCH(y.dtype, Y, {
      multiply_range((const A*)a.data + first, (const B*)b.data + first, (Y*)y.data + first, last - first);
    })));
  });
}

double sum_squares(View x, int64_t n) {
  int64_t tasks = ceil_div(n, kTaskElements);
  double* parts = (double*)shared_scratch(0, size_t(tasks + 1) * sizeof(double));
  parallel_chunks(n, kTaskElements, [&](int64_t first, int64_t last, int64_t task, int) {
    POLLUX_DISPATCH(x.dtype, X, { parts[task] = square_range((const X*)x.data + first, last - first); });
  });
  double sum = 0;
  for (int64_t task = 0; task < tasks; task++) sum += parts[task];
  return sum;
}

}  // namespace pollux::POLLUX_NS
