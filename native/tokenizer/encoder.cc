#include "tokenizer/encoder.h"

#include <algorithm>
#include <functional>

namespace pollux::tokenizer {
namespace {

constexpr uint64_t kNoMerge = ~uint64_t(0);
constexpr size_t kShort = 40;          // up to here scanning an array beats a heap (measured)
constexpr size_t kCachedBytes = 256;   // longer chunks hardly ever come again
constexpr size_t kCachedChunks = 1 << 17;
constexpr size_t kCachedArena = size_t(8) << 20;
constexpr size_t kKeptScratch = size_t(4) << 20;

template <class T> void shrink(std::vector<T>& v) {
  if (v.capacity() > kKeptScratch) std::vector<T>().swap(v);
}

}  // namespace

Encoder::Encoder(const int32_t* byte_ids, const int32_t* merges, size_t count, SplitPattern pattern)
    : pattern_(pattern), ranks_(kNoMerge, count) {
  std::copy(byte_ids, byte_ids + 256, byte_ids_);
  for (size_t rank = 0; rank < count; rank++) {
    const int32_t* m = merges + rank * 3;
    const uint64_t key = PairTable<uint64_t>::key(m[0], m[1]);
    if (ranks_.find(key) == kNoMerge) ranks_.add(key, uint64_t(rank) << 32 | uint32_t(m[2]));
  }
}

void Encoder::encode(const uint8_t* bytes, size_t n) {
  out_.clear();
  const uint8_t *p = bytes, *end = bytes + n;
  with_scanner(pattern_, [&](const auto& scanner) {
    while (p < end) {
      const uint8_t* next = scanner.next(p, end);
      encode_chunk(p, size_t(next - p), end);
      p = next;
    }
  });
}

void Encoder::encode_chunks(const uint8_t* bytes, const uint32_t* ends, size_t count) {
  out_.clear();
  size_t from = 0;
  for (size_t i = 0; i < count; i++) {
    if (ends[i] > from) encode_chunk(bytes + from, ends[i] - from, bytes + ends[count - 1]);
    from = ends[i];
  }
}

void Encoder::forget_result() {
  out_.clear();
  shrink(out_);
  shrink(ids_);
  shrink(next_);
  shrink(previous_);
  shrink(heap_);
}

void Encoder::encode_chunk(const uint8_t* p, size_t n, const uint8_t* end) {
  if (n == 1) {
    out_.push_back(byte_ids_[*p]);
    return;
  }
  if (n > kCachedBytes) {
    const size_t count = merge_chunk(p, n);
    out_.insert(out_.end(), ids_.begin(), ids_.begin() + ptrdiff_t(count));
    return;
  }
  if (cache_.size() >= kCachedChunks || cache_.arena_bytes() + cached_ids_.size() * 4 > kCachedArena) {
    cache_.clear();
    cached_ids_.clear();
  }
  bool fresh;
  Cached* cached = cache_.find_or_add(p, n, end, &fresh);
  if (fresh) {
    cached->count = uint32_t(merge_chunk(p, n));
    if (cached->count <= 3) {
      std::copy(ids_.begin(), ids_.begin() + cached->count, cached->ids);
    } else {
      cached->ids[0] = int32_t(cached_ids_.size());
      cached_ids_.insert(cached_ids_.end(), ids_.begin(), ids_.begin() + cached->count);
    }
  }
  const uint32_t count = cached->count;
  if (count == 1) {
    out_.push_back(cached->ids[0]);
  } else {
    const int32_t* from = count <= 3 ? cached->ids : cached_ids_.data() + cached->ids[0];
    out_.insert(out_.end(), from, from + count);
  }
}

// Leaves the chunk's tokens in ids_[0 .. result).
size_t Encoder::merge_chunk(const uint8_t* p, size_t n) {
  if (ids_.size() < n) ids_.resize(n);
  for (size_t i = 0; i < n; i++) ids_[i] = byte_ids_[p[i]];
  return n <= kShort ? merge_short(n) : merge_long(n);
}

size_t Encoder::merge_short(size_t n) {
  auto look_up = [&](size_t i) { return ranks_.find(PairTable<uint64_t>::key(ids_[i], ids_[i + 1])); };
  found_.resize(kShort);
  for (size_t i = 0; i + 1 < n; i++) found_[i] = look_up(i);
  while (n > 1) {
    const size_t best = size_t(std::min_element(found_.data(), found_.data() + n - 1) - found_.data());
    if (found_[best] == kNoMerge) break;
    ids_[best] = int32_t(uint32_t(found_[best]));
    std::copy(ids_.data() + best + 2, ids_.data() + n, ids_.data() + best + 1);
    std::copy(found_.data() + best + 1, found_.data() + n - 1, found_.data() + best);
    n--;
    if (best + 1 < n) found_[best] = look_up(best);
    if (best > 0) found_[best - 1] = look_up(best - 1);
  }
  return n;
}

// The heap holds rank << 32 | position, so the leftmost of equal ranks comes first. An entry is stale when
// the pair that stands at its position now has another rank.
size_t Encoder::merge_long(size_t n) {
  next_.resize(n);
  previous_.resize(n);
  heap_.clear();
  for (size_t i = 0; i < n; i++) {
    next_[i] = i + 1 < n ? int32_t(i + 1) : -1;
    previous_[i] = int32_t(i) - 1;
  }
  auto look_up = [&](int32_t i) {
    return next_[i] < 0 ? kNoMerge : ranks_.find(PairTable<uint64_t>::key(ids_[i], ids_[next_[i]]));
  };
  auto entry = [](uint64_t found, int32_t i) { return (found & ~uint64_t(0xFFFFFFFF)) | uint32_t(i); };
  for (int32_t i = 0; i + 1 < int32_t(n); i++) {
    if (const uint64_t found = look_up(i); found != kNoMerge) heap_.push_back(entry(found, i));
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  auto push = [&](int32_t i) {
    if (const uint64_t found = look_up(i); found != kNoMerge) {
      heap_.push_back(entry(found, i));
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const uint64_t top = heap_.back();
    heap_.pop_back();
    const int32_t i = int32_t(uint32_t(top));
    if (ids_[i] < 0) continue;  // merged into its left neighbour
    const uint64_t found = look_up(i);
    if (found == kNoMerge || entry(found, i) != top) continue;
    const int32_t gone = next_[i];
    ids_[i] = int32_t(uint32_t(found));
    ids_[gone] = -1;
    next_[i] = next_[gone];
    if (next_[i] >= 0) previous_[next_[i]] = i;
    push(i);
    if (previous_[i] >= 0) push(previous_[i]);
  }
  size_t count = 0;
  for (int32_t i = 0; i >= 0; i = next_[i]) ids_[count++] = ids_[i];
  return count;
}

}  // namespace pollux::tokenizer
