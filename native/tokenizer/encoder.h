// Encodes bytes with a learnt list of merges.
//
// A chunk's tokens are cached (text repeats its words), so most chunks cost one lookup. A chunk that is
// not cached is merged pair by pair, lowest rank first and leftmost on a tie: short ones by scanning an
// array, long ones with a heap over a linked list, O(n log n) whatever the text.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <vector>
#include "tokenizer/chunk_table.h"
#include "tokenizer/splitter.h"

namespace pollux::tokenizer {

class Encoder {
 public:
  // byte_ids[256]: the id of each byte. merges: `count` triples (left, right, result), best rank first.
  Encoder(const int32_t* byte_ids, const int32_t* merges, size_t count, SplitPattern pattern);

  // Encodes text by the pattern; the ids are in result().
  void encode(const uint8_t* bytes, size_t n);
  // Encodes chunks cut elsewhere: chunk i ends at ends[i].
  void encode_chunks(const uint8_t* bytes, const uint32_t* ends, size_t count);

  const std::vector<int32_t>& result() const { return out_; }
  void forget_result();

 private:
  struct Cached {
    uint32_t count;  // 0: not filled yet
    int32_t ids[3];  // or, for more than three, ids[0] = where they start in cached_ids_
  };
  void encode_chunk(const uint8_t* p, size_t n, const uint8_t* end);
  size_t merge_chunk(const uint8_t* p, size_t n);
  size_t merge_short(size_t n);
  size_t merge_long(size_t n);

  SplitPattern pattern_;
  int32_t byte_ids_[256];
  PairTable<uint64_t> ranks_;  // pair -> rank << 32 | result
  ChunkTable<Cached> cache_;
  std::vector<int32_t> cached_ids_;
  std::vector<int32_t> out_;
  std::vector<int32_t> ids_;       // the chunk at work
  std::vector<uint64_t> found_;    // what ranks_ says of each adjacent pair (short chunks)
  std::vector<int32_t> next_, previous_;  // linked list and heap (long chunks)
  std::vector<uint64_t> heap_;
};

}  // namespace pollux::tokenizer
