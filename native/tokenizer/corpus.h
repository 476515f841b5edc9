// The distinct chunks as one array of symbols, merged in place.
//
// Chunks are parted by kEdge. A token of id t covers length[t] cells: the first holds t, the last -2 - t
// (unless it is the first), those between -1. So both neighbours of a token are found in one step, and a
// position whose token was merged away is seen at once.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <vector>

namespace pollux::tokenizer {

class Corpus {
 public:
  std::vector<int32_t> length;  // bytes of each token
  std::vector<int64_t> weight;  // of each chunk

  void reserve(size_t chunks, size_t bytes) {
    cells_.reserve(bytes + chunks + 1);
    chunk_.reserve(bytes + chunks + 1);
    weight.reserve(chunks);
    cells_.push_back(kEdge);
    chunk_.push_back(0);
  }
  void add(const uint8_t* bytes, size_t n, int64_t count) {
    for (size_t i = 0; i < n; i++) cells_.push_back(bytes[i]);
    cells_.push_back(kEdge);
    chunk_.resize(cells_.size(), uint32_t(weight.size()));
    weight.push_back(count);
  }

  size_t size() const { return cells_.size(); }
  int32_t at(uint32_t p) const { return cells_[p]; }
  int64_t weight_at(uint32_t p) const { return weight[chunk_[p]]; }
  // The token after the one at p, or a negative number at the chunk's end.
  int32_t next(uint32_t p) const { return cells_[p + length[cells_[p]]]; }
  // The token before p, with its position, or a negative number at the chunk's start.
  int32_t previous(uint32_t p, uint32_t* start) const {
    const int32_t cell = cells_[p - 1];
    if (cell == kEdge) return -1;
    const int32_t id = cell >= 0 ? cell : -2 - cell;
    *start = p - uint32_t(length[id]);
    return id;
  }
  // Replaces the pair at p, whose left token is a, by c, whose length is known.
  void merge(uint32_t p, int32_t a, int32_t c) {
    const uint32_t q = p + uint32_t(length[a]);
    cells_[q - 1] = -1;
    cells_[q] = -1;
    cells_[p] = c;
    cells_[p + uint32_t(length[c]) - 1] = -2 - c;
  }

 private:
  static constexpr int32_t kEdge = INT32_MIN;
  std::vector<int32_t> cells_;
  std::vector<uint32_t> chunk_;
};

}  // namespace pollux::tokenizer
