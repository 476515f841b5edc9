// From each token's chosen experts to rows sorted by expert, and back.
//
// The plan is a stable counting sort over fixed chunks of pairs: every chunk counts its experts, a running sum over
// (expert, chunk) gives each chunk its places, and the chunks then write them independently.
#include "kernels/rowwise.h"

namespace pollux::POLLUX_NS {
namespace {

constexpr int64_t kPairs = 4096;  // pairs per chunk of the plan

#if POLLUX_SCALAR

template <class Y, class O>
void gather_sum(const Y* y, const float* weights, const int32_t* places, O* out, int64_t k, int64_t dim) {
  for (int64_t i = 0; i < dim; i++) {
    float sum = 0;
    for (int64_t j = 0; j < k; j++) sum += (weights ? weights[j] : 1.0f) * to_float(y[places[j] * dim + i]);
    out[i] = from_float<O>(sum);
  }
}

template <class G, class Y, class D>
float scale_and_dot(const G* d_out, const Y* y, float weight, D* dy, int64_t dim) {
  float dot = 0;
  for (int64_t i = 0; i < dim; i++) {
    dot += to_float(d_out[i]) * to_float(y[i]);
    dy[i] = from_float<D>(weight * to_float(d_out[i]));
  }
  return dot;
}

#else

template <class Y, class O>
void gather_sum(const Y* y, const float* weights, const int32_t* places, O* out, int64_t k, int64_t dim) {
  for_lanes(dim, [&](int64_t i, int lanes) {
    vf sum = {};
    for (int64_t j = 0; j < k; j++) {
      vf v = read(y + places[j] * dim + i, lanes);
      sum += weights ? weights[j] * v : v;
    }
    write(out + i, sum, lanes);
  });
}

template <class G, class Y, class D>
float scale_and_dot(const G* d_out, const Y* y, float weight, D* dy, int64_t dim) {
  vf dot = {};
  for_lanes(dim, [&](int64_t i, int lanes) {
    vf d = read(d_out + i, lanes);
    dot += d * read(y + i, lanes);
    write(dy + i, weight * d, lanes);
  });
  return reduce_add(dot);
}

#endif
}  // namespace

void dispatch_plan(const int32_t* indices, int32_t* offsets, int32_t* pair_of_row, int32_t* row_of_pair,
                   int32_t* token_of_row, int64_t rows, int64_t k, int64_t experts) {
  int64_t pairs = rows * k, chunks = ceil_div(pairs, kPairs);
  int32_t* places = (int32_t*)zeroed_parts(chunks, experts, 0);  // [chunks, experts]
  parallel_chunks(pairs, kPairs, [&](int64_t first, int64_t last, int64_t chunk, int) {
    for (int64_t pair = first; pair < last; pair++) places[chunk * experts + indices[pair]]++;
  });
  int32_t next = 0;
  for (int64_t e = 0; e < experts; e++) {
    offsets[e] = next;
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
      int32_t count = places[chunk * experts + e];
      places[chunk * experts + e] = next;
      next += count;
    }
  }
  offsets[experts] = next;
  parallel_chunks(pairs, kPairs, [&](int64_t first, int64_t last, int64_t chunk, int) {
    for (int64_t pair = first; pair < last; pair++) {
      int32_t row = places[chunk * experts + indices[pair]]++;
      pair_of_row[row] = int32_t(pair);
      row_of_pair[pair] = row;
      token_of_row[row] = int32_t(pair / k);
    }
  });
}

void combine_forward(View y, const float* weights, const int32_t* row_of_pair, MutView out, int64_t rows, int64_t k,
                     int64_t dim) {
  parallel_chunks(rows, rows_per_task(dim * k), [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(y.dtype, Y, POLLUX_DISPATCH(out.dtype, O, {
      for (int64_t t = first; t < last; t++)
        gather_sum((const Y*)y.data, weights ? weights + t * k : nullptr, row_of_pair + t * k, (O*)out.data + t * dim, k,
                   dim);
    }));
  });
}

void combine_backward(View d_out, View y, const float* weights, const int32_t* row_of_pair, MutView dy,
                      float* d_weights, int64_t rows, int64_t k, int64_t dim) {
  parallel_chunks(rows, rows_per_task(dim * k), [&](int64_t first, int64_t last, int64_t, int) {
    POLLUX_DISPATCH(d_out.dtype, G, POLLUX_DISPATCH(y.dtype, Y, POLLUX_DISPATCH(dy.dtype, D, {
      for (int64_t pair = first * k; pair < last * k; pair++) {
        int64_t row = row_of_pair[pair];
        d_weights[pair] = scale_and_dot((const G*)d_out.data + pair / k * dim, (const Y*)y.data + row * dim,
                                        weights ? weights[pair] : 1.0f, (D*)dy.data + row * dim, dim);
      }
    })));
  });
}

}  // namespace pollux::POLLUX_NS
