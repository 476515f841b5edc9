#include "tokenizer/trainer.h"

#include <algorithm>
#include "parallel/pool.h"
#include "tokenizer/corpus.h"

namespace pollux::tokenizer {
namespace {

constexpr size_t kBlock = size_t(32) << 20;    // text gathered before its chunks are counted
constexpr size_t kSegment = size_t(128) << 10; // text of one counting task
constexpr int64_t kMinCount = 2;               // a pair that stands once saves nothing
constexpr uint32_t kNone = ~uint32_t(0);

struct Pair {
  uint64_t key;
  int64_t count;
  size_t first, places;  // its positions: places_[first .. first + places), ascending
};

struct Candidate {
  int64_t count;
  uint64_t key;
  uint32_t pair;
  // For a max-heap: higher count first, then the lower pair.
  bool operator<(const Candidate& other) const { return count != other.count ? count < other.count : key > other.key; }
};

// New pairs of one merge that share a side: gathers (other token, position), then files them by token.
class Group {
 public:
  void add(int32_t token, uint32_t position, int64_t weight) {
    if (size_t(token) >= per_token_.size()) per_token_.resize(size_t(token) * 2 + 256);
    PerToken& t = per_token_[token];
    if (t.places == 0) tokens_.push_back(token);
    t.places++;
    t.weight += weight;
    entries_.push_back({token, position});
  }

  // open(token, weight, places) returns where the token's positions go in `arena`, or SIZE_MAX to drop them.
  template <class Open> void file(std::vector<uint32_t>& arena, const Open& open) {
    for (int32_t token : tokens_) {
      PerToken& t = per_token_[token];
      t.to = open(token, t.weight, t.places);
    }
    for (const Entry& entry : entries_) {
      size_t& to = per_token_[entry.token].to;
      if (to != SIZE_MAX) arena[to++] = entry.position;
    }
    for (int32_t token : tokens_) per_token_[token] = PerToken{};
    tokens_.clear();
    entries_.clear();
  }

 private:
  struct PerToken {
    int64_t weight = 0;
    size_t places = 0, to = 0;
  };
  struct Entry {
    int32_t token;
    uint32_t position;
  };
  std::vector<PerToken> per_token_;
  std::vector<int32_t> tokens_;
  std::vector<Entry> entries_;
};

class Merger {
 public:
  Merger(Corpus& corpus, const std::vector<std::string>& banned)
      : corpus_(corpus), banned_(banned), index_(kNone, 1 << 16) {
    for (int byte = 0; byte < 256; byte++) {
      tokens_.push_back(std::string(1, char(byte)));
      corpus_.length.push_back(1);
    }
    find_byte_pairs();
  }

  std::vector<std::pair<int32_t, int32_t>> run(size_t wanted) {
    std::vector<std::pair<int32_t, int32_t>> merges;
    while (merges.size() < wanted && !heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      Candidate top = heap_.back();
      heap_.pop_back();
      const int64_t count = pairs_[top.pair].count;
      if (count < kMinCount) continue;
      if (count != top.count) {  // counts only fall: put it back where it belongs by now
        push({count, top.key, top.pair});
        continue;
      }
      const int32_t a = int32_t(top.key >> 32), b = int32_t(uint32_t(top.key));
      std::string bytes = tokens_[a] + tokens_[b];
      if (std::find(banned_.begin(), banned_.end(), bytes) != banned_.end()) continue;
      merges.push_back({a, b});
      tokens_.push_back(std::move(bytes));
      corpus_.length.push_back(int32_t(tokens_.back().size()));
      merge(top.pair, a, b, int32_t(tokens_.size()) - 1);
    }
    return merges;
  }

 private:
  void push(Candidate candidate) {
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end());
  }

  size_t open(uint64_t key, int64_t weight, size_t places) {
    if (weight < kMinCount) return SIZE_MAX;
    const uint32_t pair = uint32_t(pairs_.size());
    pairs_.push_back({key, weight, places_.size(), places});
    index_.add(key, pair);
    push({weight, key, pair});
    places_.resize(places_.size() + places);
    return pairs_.back().first;
  }

  void find_byte_pairs() {
    std::vector<Group> by_left(256);
    for (uint32_t p = 1; p + 1 < corpus_.size(); p++) {
      const int32_t a = corpus_.at(p), b = corpus_.at(p + 1);
      if (a >= 0 && b >= 0) by_left[a].add(b, p, corpus_.weight_at(p));
    }
    for (int32_t a = 0; a < 256; a++) {
      by_left[a].file(places_, [&](int32_t b, int64_t weight, size_t places) {
        return open(PairTable<uint32_t>::key(a, b), weight, places);
      });
      by_left[a] = Group();
    }
  }

  void lower(int32_t a, int32_t b, int64_t weight) {
    const uint32_t pair = index_.find(PairTable<uint32_t>::key(a, b));
    if (pair != kNone) pairs_[pair].count -= weight;
  }

  void merge(uint32_t pair, int32_t a, int32_t b, int32_t c) {
    const Pair merged = pairs_[pair];
    hits_.clear();
    for (size_t i = 0; i < merged.places; i++) {
      const uint32_t p = places_[merged.first + i];
      if (corpus_.at(p) != a || corpus_.next(p) != b) continue;
      // The pairs that the merge takes away. If c stands before p, the pair between was counted off as
      // that one's right neighbour.
      const int64_t weight = corpus_.weight_at(p);
      uint32_t start;
      const int32_t before = corpus_.previous(p, &start);
      if (before >= 0 && before != c) lower(before, a, weight);
      const int32_t after = corpus_.next(p + uint32_t(corpus_.length[a]));
      if (after >= 0) lower(b, after, weight);
      corpus_.merge(p, a, c);
      hits_.push_back(p);
    }
    pairs_[pair].count = 0;
    for (uint32_t p : hits_) {
      const int64_t weight = corpus_.weight_at(p);
      uint32_t start;
      const int32_t before = corpus_.previous(p, &start), after = corpus_.next(p);
      if (before >= 0 && before != c) left_.add(before, start, weight);  // (c, c) is the left c's right pair
      if (after >= 0) right_.add(after, p, weight);
    }
    left_.file(places_, [&](int32_t x, int64_t weight, size_t places) {
      return open(PairTable<uint32_t>::key(x, c), weight, places);
    });
    right_.file(places_, [&](int32_t y, int64_t weight, size_t places) {
      return open(PairTable<uint32_t>::key(c, y), weight, places);
    });
  }

  Corpus& corpus_;
  const std::vector<std::string>& banned_;
  std::vector<std::string> tokens_;
  std::vector<Pair> pairs_;
  PairTable<uint32_t> index_;
  std::vector<uint32_t> places_, hits_;
  std::vector<Candidate> heap_;
  Group left_, right_;
};

void count_chunk(ChunkTable<int64_t>& counts, const uint8_t* p, size_t n, const uint8_t* end, int64_t count) {
  bool fresh;
  *counts.find_or_add(p, n, end, &fresh) += count;
}

}  // namespace

Trainer::Trainer(SplitPattern pattern) : pattern_(pattern), counts_(1) {}

void Trainer::add_text(const uint8_t* bytes, size_t n) {
  pending_.insert(pending_.end(), bytes, bytes + n);
  pending_ends_.push_back(pending_.size());
  if (pending_.size() >= kBlock) count_pending();
}

void Trainer::add_chunks(const uint8_t* bytes, const uint32_t* ends, size_t count) {
  size_t from = 0;
  for (size_t i = 0; i < count; i++) {
    if (ends[i] > from + 1) count_chunk(counts_[0], bytes + from, ends[i] - from, bytes + ends[count - 1], 1);
    from = ends[i];
  }
}

// Counts the chunks of the pending text, cut into tasks at places where a chunk ends anyway.
void Trainer::count_pending() {
  std::vector<std::pair<const uint8_t*, const uint8_t*>> segments;
  const uint8_t* document = pending_.data();
  for (size_t document_end : pending_ends_) {
    const uint8_t *end = pending_.data() + document_end, *from = document;
    while (size_t(end - from) > kSegment) {
      const uint8_t* to = from + kSegment;
      while (to < end && !safe_cut(document, to, end)) to++;
      segments.push_back({from, to});
      from = to;
    }
    if (from < end) segments.push_back({from, end});
    document = end;
  }
  if (counts_.size() < size_t(num_threads())) counts_.resize(size_t(num_threads()));
  const uint8_t* all_end = pending_.data() + pending_.size();
  class_table();
  parallel_for(int64_t(segments.size()), [&](int64_t task, int thread) {
    auto [p, end] = segments[size_t(task)];
    Counts& counts = counts_[size_t(thread)];
    with_scanner(pattern_, [&](const auto& scanner) {
      while (p < end) {
        const uint8_t* next = scanner.next(p, end);
        if (next - p > 1) count_chunk(counts, p, size_t(next - p), all_end, 1);  // one byte has no pair
        p = next;
      }
    });
  });
  pending_.clear();
  pending_ends_.clear();
}

void Trainer::join_counts() {
  count_pending();
  for (size_t i = 1; i < counts_.size(); i++) {
    counts_[i].for_each(
        [&](const uint8_t* p, size_t n, int64_t count) { count_chunk(counts_[0], p, n, p + n, count); });
  }
  counts_.resize(1);
}

uint64_t Trainer::distinct_bytes() {
  join_counts();
  uint64_t bytes = 0;
  counts_[0].for_each([&](const uint8_t*, size_t n, int64_t) { bytes += n + 1; });
  return bytes;
}

std::vector<std::pair<int32_t, int32_t>> Trainer::train(size_t wanted, const std::vector<std::string>& banned) {
  Corpus corpus;
  corpus.reserve(counts_[0].size(), distinct_bytes());
  counts_[0].for_each([&](const uint8_t* p, size_t n, int64_t count) { corpus.add(p, n, count); });
  return Merger(corpus, banned).run(wanted);
}

}  // namespace pollux::tokenizer
