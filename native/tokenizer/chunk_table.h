// A hash table whose keys are chunks of text: open addressing, short keys stored in the slot itself.
//
// Most chunks are words of a few bytes. Up to 15 bytes a key is two machine words (its bytes, and its length
// in the top byte), so a lookup is one hash, one cache line and no pointer. Longer keys lie in an arena
// and are found by a 64-bit hash, then compared in full. Slots are never removed one by one; clear()
// forgets everything, which keeps a bounded cache simple.
#pragma once
#include <stdint.h>
#include <string.h>
#include <string>
#include <vector>

namespace pollux::tokenizer {

inline uint64_t mix(uint64_t a, uint64_t b) {
  const __uint128_t product = (__uint128_t)(a ^ 0x9E3779B97F4A7C15ull) * (b ^ 0xD6E8FEB86659FD93ull);
  return uint64_t(product) ^ uint64_t(product >> 64);
}

inline uint64_t hash_bytes(const uint8_t* p, size_t n) {
  uint64_t h = n;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    h = mix(h, word);
  }
  uint64_t rest = 0;
  memcpy(&rest, p, n);
  return mix(h, rest);
}

template <class Payload> class ChunkTable {
 public:
  struct Slot {
    uint64_t low, high;  // high == 0: free
    Payload payload;
  };

  explicit ChunkTable(size_t slots = 1 << 12) : slots_(slots) {}

  size_t size() const { return size_; }
  size_t arena_bytes() const { return arena_.size(); }

  // The payload of chunk [p, p + n), 1 <= n; a new one is zeroed and *fresh is set. Bytes up to `end` may be read.
  // The pointer holds until the next call.
  Payload* find_or_add(const uint8_t* p, size_t n, const uint8_t* end, bool* fresh) {
    uint64_t low, high;
    const bool inlined = n <= kInline;
    if (inlined) {
      load_key(p, n, end, &low, &high);
    } else {
      low = hash_bytes(p, n);
      high = kLongTag;
    }
    const uint64_t hash = inlined ? mix(low, high) : low;
    for (size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[i];
      if (slot.high == 0) {
        *fresh = true;
        return add(i, p, n, low, high);
      }
      if (slot.low != low) continue;
      if (inlined ? slot.high == high : same_long(slot, p, n)) {
        *fresh = false;
        return &slot.payload;
      }
    }
  }

  // body(bytes, length, payload) for every chunk; the order is that of the slots.
  template <class Body> void for_each(const Body& body) const {
    for (const Slot& slot : slots_) {
      if (slot.high == 0) continue;
      if (slot.high & kLongTag) {
        const uint8_t* stored = arena_.data() + (slot.high & ~kLongTag);
        uint32_t n;
        memcpy(&n, stored, 4);
        body(stored + 4, size_t(n), slot.payload);
      } else {
        uint8_t bytes[16];
        memcpy(bytes, &slot.low, 8);
        memcpy(bytes + 8, &slot.high, 8);
        body(bytes, size_t(bytes[15]), slot.payload);
      }
    }
  }

  void clear() {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    arena_.clear();
    size_ = 0;
  }

 private:
  static constexpr size_t kInline = 15;
  static constexpr uint64_t kLongTag = uint64_t(1) << 63;  // an inline length is below 16: it never sets this bit

  static void load_key(const uint8_t* p, size_t n, const uint8_t* end, uint64_t* low, uint64_t* high) {
    uint64_t words[2] = {0, 0};
    if (end - p >= 16) {
      memcpy(words, p, 16);
      const uint64_t mask_low = n >= 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * n)) - 1;
      const uint64_t mask_high = n <= 8 ? 0 : (uint64_t(1) << (8 * (n - 8))) - 1;
      words[0] &= mask_low;
      words[1] &= mask_high;
    } else {
      memcpy(words, p, n);
    }
    *low = words[0];
    *high = words[1] | uint64_t(n) << 56;
  }

  bool same_long(const Slot& slot, const uint8_t* p, size_t n) const {
    if (!(slot.high & kLongTag)) return false;
    const uint8_t* stored = arena_.data() + (slot.high & ~kLongTag);
    uint32_t length;
    memcpy(&length, stored, 4);
    return length == n && memcmp(stored + 4, p, n) == 0;
  }

  Payload* add(size_t i, const uint8_t* p, size_t n, uint64_t low, uint64_t high) {
    if (n > kInline) {
      high = kLongTag | arena_.size();
      const uint32_t length = uint32_t(n);
      const uint8_t* head = reinterpret_cast<const uint8_t*>(&length);
      arena_.insert(arena_.end(), head, head + 4);
      arena_.insert(arena_.end(), p, p + n);
    }
    if (++size_ * 2 > slots_.size()) {
      grow();
      i = free_slot(slots_, low, high);
    }
    slots_[i] = Slot{low, high, Payload{}};
    return &slots_[i].payload;
  }

  static size_t free_slot(const std::vector<Slot>& slots, uint64_t low, uint64_t high) {
    const size_t mask = slots.size() - 1;
    size_t i = (high & kLongTag ? low : mix(low, high)) & mask;
    while (slots[i].high != 0) i = (i + 1) & mask;
    return i;
  }

  void grow() {
    std::vector<Slot> larger(slots_.size() * 2);
    for (const Slot& slot : slots_) {
      if (slot.high != 0) larger[free_slot(larger, slot.low, slot.high)] = slot;
    }
    slots_.swap(larger);
  }

  std::vector<Slot> slots_;
  std::vector<uint8_t> arena_;
  size_t size_ = 0;
};

// Pairs of token ids -> Value. `absent` comes back for a pair that is not there.
template <class Value> class PairTable {
 public:
  explicit PairTable(Value absent, size_t expected = 1 << 10) : absent_(absent) {
    size_t slots = 16;
    while (slots < expected * 2) slots *= 2;
    slots_.assign(slots, Slot{kFree, absent});
  }

  static uint64_t key(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }

  Value find(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    for (size_t i = mix(key, 0) & mask;; i = (i + 1) & mask) {
      if (slots_[i].key == key) return slots_[i].value;
      if (slots_[i].key == kFree) return absent_;
    }
  }

  // Adds a pair that is not there yet.
  void add(uint64_t key, Value value) {
    if (++size_ * 2 > slots_.size()) grow();
    place(slots_, key, value);
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t(0);
  struct Slot {
    uint64_t key;
    Value value;
  };

  static void place(std::vector<Slot>& slots, uint64_t key, Value value) {
    const size_t mask = slots.size() - 1;
    size_t i = mix(key, 0) & mask;
    while (slots[i].key != kFree) i = (i + 1) & mask;
    slots[i] = Slot{key, value};
  }

  void grow() {
    std::vector<Slot> larger(slots_.size() * 2, Slot{kFree, absent_});
    for (const Slot& slot : slots_) {
      if (slot.key != kFree) place(larger, slot.key, slot.value);
    }
    slots_.swap(larger);
  }

  std::vector<Slot> slots_;
  Value absent_;
  size_t size_ = 0;
};

}  // namespace pollux::tokenizer
