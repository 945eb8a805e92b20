// Unicode's general categories, as the regular expressions of tokenizers name them.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace quatrain::unicode {

enum Category : std::uint8_t {
  kUppercase = 1 << 0,   // Lu, Lt
  kLowercase = 1 << 1,   // Ll
  kCaseless = 1 << 2,    // Lm, Lo
  kMarks = 1 << 3,       // M
  kNumbers = 1 << 4,     // N
  kPunctuated = 1 << 5,  // P
  kSymbols = 1 << 6,     // S
  kSpaces = 1 << 7,      // \s
  kLetters = kUppercase | kLowercase | kCaseless,
};

// The category of every code point, in 256-wide pages of which equal ones are shared.
class CategoryTable {
 public:
  CategoryTable();
  std::uint8_t operator[](char32_t c) const { return pages_[page_[c >> 8] * 256u + (c & 255)]; }
  std::uint8_t ascii(char c) const { return pages_[static_cast<unsigned char>(c)]; }

 private:
  std::array<std::uint8_t, 0x110000 / 256> page_;  // the first is 0
  std::vector<std::uint8_t> pages_;
};
const CategoryTable& category_table();

}  // namespace quatrain::unicode
