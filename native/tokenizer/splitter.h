// Hand-written scanners for the split patterns of GPT-2 and GPT-4.
//
// A split pattern cuts text into chunks; merges never cross a chunk's edge. Each scanner gives exactly
// the matches of its regular expression (src/tokenizer/pattern.ts has them), without a regex engine: the
// patterns look at most one character back from a white-space run's end, so one pass is enough.
#pragma once
#include <stdint.h>
#include "tokenizer/char_class.h"

namespace pollux::tokenizer {

// Which pattern, packed by src/tokenizer/pattern.ts: bit 0 GPT-2 (else GPT-4); bits 4-7 digits in a group
// (GPT-4); bit 8 white space is \p{White_Space} (else \s); bit 9 a white-space run at the end stays whole.
struct SplitPattern {
  bool gpt2, unicode_space, whole_tail;
  int digits;
  explicit SplitPattern(int32_t code)
      : gpt2(code & 1), unicode_space(code & 0x100), whole_tail(code & 0x200), digits((code >> 4) & 15) {}
};

inline bool is_newline(uint8_t b) { return b == '\n' || b == '\r'; }

template <bool kGpt2> class Scanner {
 public:
  explicit Scanner(const SplitPattern& pattern)
      : table_(class_table()),
        space_(pattern.unicode_space ? kSpaceUnicode : kSpaceJs),
        whole_tail_(pattern.whole_tail),
        digits_(pattern.digits) {}

  // End of the chunk that starts at p (p < end).
  const uint8_t* next(const uint8_t* p, const uint8_t* end) const {
    return kGpt2 ? next_gpt2(p, end) : next_gpt4(p, end);
  }

 private:
  // First position from p on whose character is not in `mask` (or is, when `inverted`).
  template <bool inverted> const uint8_t* run(const uint8_t* p, const uint8_t* end, uint8_t mask) const {
    int length;
    while (p < end && bool(classify(table_, p, end, &length) & mask) != inverted) p += length;
    return p;
  }

  // '(?:[sdmt]|ll|ve|re): its length at p, or 0.
  static int contraction(const uint8_t* p, const uint8_t* end) {
    if (*p != '\'' || end - p < 2) return 0;
    const uint8_t fold = kGpt2 ? 0 : 0x20;  // GPT-4 takes capitals too
    auto lower = [&](int i) { return uint8_t(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | fold : p[i]); };
    const uint8_t a = lower(1);
    if (a == 's' || a == 'd' || a == 'm' || a == 't') return 2;
    if (end - p < 3) return 0;
    const uint8_t b = lower(2);
    return (a == 'l' && b == 'l') || (a == 'v' && b == 'e') || (a == 'r' && b == 'e') ? 3 : 0;
  }

  //  '(?:[sdmt]|ll|ve|re) in any case | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,digits} |
  //   ?[^\s\p{L}\p{N}]+[\r\n]* | white space
  const uint8_t* next_gpt4(const uint8_t* p, const uint8_t* end) const {
    if (const int n = contraction(p, end)) return p + n;
    int length;
    const uint8_t bits = classify(table_, p, end, &length);
    const uint8_t* q = p + length;
    if (bits & kLetter) return run<false>(q, end, kLetter);
    if (bits & kNumber) {
      for (int i = 1; i < digits_ && q < end && (classify(table_, q, end, &length) & kNumber); i++) q += length;
      return q;
    }
    if (!is_newline(*p)) {
      const uint8_t* letters = run<false>(q, end, kLetter);
      if (letters > q) return letters;
    }
    if (const uint8_t* symbols = symbol_run(p, end, bits)) {
      while (symbols < end && is_newline(*symbols)) symbols++;
      return symbols;
    }
    return space_run(p, end);
  }

  //  '(?:[sdmt]|ll|ve|re) |  ?\p{L}+ |  ?\p{N}+ |  ?[^\s\p{L}\p{N}]+ | white space
  const uint8_t* next_gpt2(const uint8_t* p, const uint8_t* end) const {
    if (const int n = contraction(p, end)) return p + n;
    const uint8_t* q = *p == ' ' && end - p > 1 ? p + 1 : p;
    int length;
    const uint8_t bits = classify(table_, q, end, &length);
    if (bits & kLetter) return run<false>(q, end, kLetter);
    if (bits & kNumber) return run<false>(q, end, kNumber);
    if (!(bits & space_)) return run<true>(q, end, uint8_t(kLetter | kNumber | space_));
    return space_run(p, end);
  }

  //   ?[^\s\p{L}\p{N}]+ at p, whose class is known and neither letter nor number; null if there is none.
  const uint8_t* symbol_run(const uint8_t* p, const uint8_t* end, uint8_t bits) const {
    if ((bits & space_) && *p != ' ') return nullptr;
    const uint8_t* from = bits & space_ ? p + 1 : p;
    const uint8_t* to = run<true>(from, end, uint8_t(kLetter | kNumber | space_));
    return to > from ? to : nullptr;
  }

  // GPT-4: (\s+$ |) \s*[\r\n]+ | \s+(?!\S) | \s+      GPT-2: \s+(?!\S) | \s+
  const uint8_t* space_run(const uint8_t* p, const uint8_t* end) const {
    const uint8_t *q = p, *last = p, *line = nullptr;  // last: the run's last character; line: after its last newline
    int length;
    while (q < end && (classify(table_, q, end, &length) & space_)) {
      last = q;
      q += length;
      if (is_newline(*last)) line = q;
    }
    if (whole_tail_ && q == end) return q;
    if (!kGpt2 && line != nullptr) return line;
    return q == end || last == p ? q : last;
  }

  const uint8_t* table_;
  uint8_t space_;
  bool whole_tail_;
  int digits_;
};

// Calls body(scanner) with the scanner of `pattern`.
template <class Body> void with_scanner(const SplitPattern& pattern, const Body& body) {
  if (pattern.gpt2) {
    body(Scanner<true>(pattern));
  } else {
    body(Scanner<false>(pattern));
  }
}

// Whether text may be cut at p (not an end) without changing any chunk: a letter stands before it and none
// after it. Every pattern here ends a chunk where a run of letters ends.
inline bool safe_cut(const uint8_t* begin, const uint8_t* p, const uint8_t* end) {
  if (p <= begin || p >= end || (*p & 0xC0) == 0x80) return false;
  const uint8_t* before = p - 1;
  while (before > begin && p - before < 4 && (*before & 0xC0) == 0x80) before--;
  int length, next;
  const uint8_t* table = class_table();
  if (!(classify(table, before, end, &length) & kLetter) || before + length != p) return false;
  return !(classify(table, p, end, &next) & kLetter);
}

}  // namespace pollux::tokenizer
