// Unicode classes of characters in UTF-8 text, as the split patterns need them.
//
// A byte that is no part of valid UTF-8 counts as one character of no class, like a symbol: a
// splitter therefore takes any byte sequence, and agrees with a regular expression on valid text.
#pragma once
#include <stdint.h>
#include <vector>
#include "tokenizer/unicode_ranges.h"

namespace pollux::tokenizer {

enum CharClass : uint8_t {
  kLetter = 1,
  kNumber = 2,
  kSpaceJs = 4,       // \s of JavaScript: has U+FEFF, lacks U+0085
  kSpaceUnicode = 8,  // \p{White_Space}: has U+0085, lacks U+FEFF
};

// One byte per code point: 1.1 MiB of address space, of which only the pages in use are ever touched.
inline const uint8_t* class_table() {
  static const std::vector<uint8_t> table = [] {
    std::vector<uint8_t> bits(0x110000);
    for (const UnicodeRange& range : kUnicodeRanges) {
      for (uint32_t c = range.first; c <= range.last; c++) bits[c] = range.bits;
    }
    return bits;
  }();
  return table.data();
}

// Length in bytes of the character at p if it is valid (RFC 3629), with its code point; else 1 and 0xFFFD.
inline int decode_utf8(const uint8_t* p, const uint8_t* end, uint32_t* code_point) {
  auto tail = [&](int i) { return p + i < end && (p[i] & 0xC0) == 0x80; };
  const uint32_t b = p[0];
  *code_point = b;
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b < 0xE0 && tail(1)) {
    *code_point = (b & 0x1F) << 6 | (p[1] & 0x3F);
    return 2;
  }
  if (b >= 0xE0 && b < 0xF0 && tail(1) && tail(2)) {
    const uint32_t c = (b & 0x0F) << 12 | uint32_t(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF)) {
      *code_point = c;
      return 3;
    }
  }
  if (b >= 0xF0 && b < 0xF5 && tail(1) && tail(2) && tail(3)) {
    const uint32_t c = (b & 7) << 18 | uint32_t(p[1] & 0x3F) << 12 | uint32_t(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    if (c >= 0x10000 && c <= 0x10FFFF) {
      *code_point = c;
      return 4;
    }
  }
  *code_point = 0xFFFD;
  return 1;
}

// Class bits of the character at p (p < end), and its length in bytes.
inline uint8_t classify(const uint8_t* table, const uint8_t* p, const uint8_t* end, int* length) {
  if (*p < 0x80) {
    *length = 1;
    return table[*p];
  }
  uint32_t code_point;
  *length = decode_utf8(p, end, &code_point);
  return table[code_point];
}

}  // namespace pollux::tokenizer
