// Learns the merges of a byte-level BPE (Gage 1994; Sennrich et al. 2016, arXiv:1508.07909).
//
// 1. Text is cut into chunks, equal chunks are counted (many threads; only counts leave this step).
// 2. All distinct chunks lie in one array of symbols. Every adjacent pair knows its weighted count and
//    the positions where it stands.
// 3. The heap gives the pair of highest count, the lower pair on a tie; its positions are merged, and
//    the counts of the neighbouring pairs are corrected there and nowhere else. A merge costs the number
//    of its occurrences, whatever the length of the chunks.
// The result depends on the multiset of chunks only, so on neither the number of threads nor the order.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string>
#include <utility>
#include <vector>
#include "tokenizer/chunk_table.h"
#include "tokenizer/splitter.h"

namespace pollux::tokenizer {

class Trainer {
 public:
  explicit Trainer(SplitPattern pattern);

  // Adds one document as UTF-8 (any bytes are taken).
  void add_text(const uint8_t* bytes, size_t n);
  // Adds chunks that were cut elsewhere: chunk i ends at ends[i].
  void add_chunks(const uint8_t* bytes, const uint32_t* ends, size_t count);

  // Up to `wanted` merges (left, right) of ids: 0 .. 255 are the bytes, 256 + i is merge i. Stops when no pair
  // stands twice. A pair whose bytes would spell one of `banned` is never merged.
  std::vector<std::pair<int32_t, int32_t>> train(size_t wanted, const std::vector<std::string>& banned);

  // Bytes of the distinct chunks, one more for each. train takes less than kMostDistinctBytes.
  uint64_t distinct_bytes();
  static constexpr uint64_t kMostDistinctBytes = ~uint32_t(0);  // positions have 32 bits

 private:
  typedef ChunkTable<int64_t> Counts;
  void count_pending();
  void join_counts();

  SplitPattern pattern_;
  std::vector<uint8_t> pending_;       // documents not counted yet, one after the other
  std::vector<size_t> pending_ends_;   // where each ends
  std::vector<Counts> counts_;         // one a thread; joined into the first
};

}  // namespace pollux::tokenizer
