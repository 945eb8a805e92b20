// What a fuzzer's bytes mean: numbers, choices and texts, in the order in which they are asked for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer/unicode.h"

namespace quatrain::fuzz {

// Past its end it gives zeros, so that every input means something; zeros mean what is sound.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  std::uint8_t byte() { return empty() ? 0 : *at_++; }
  bool flag() { return byte() & 1; }
  bool rarely() { return byte() > 0xF8; }
  std::size_t below(std::size_t count) { return byte() % count; }
  // Small; rarely one that a reader should refuse.
  std::int64_t number() {
    const std::uint8_t first = byte();
    if (first < 0xFC) return first;
    std::int64_t value = first & 1 ? -1 : 0;
    for (int i = 0; i < (first & 2) * 3 + 2; ++i) value = value << 8 | byte();
    return value;
  }
  // The same, but at least 1.
  std::int64_t positive() { return rarely() ? number() : byte() % 8 + 1; }
  template <class Enum>
  Enum choice(Enum last) {
    return static_cast<Enum>(below(static_cast<std::size_t>(last) + 1));
  }
  // Up to `most` bytes as they are, which need not be UTF-8.
  std::string raw(std::size_t most) {
    std::string bytes;
    for (std::size_t left = below(most + 1); left > 0 && !empty(); --left) {
      bytes.push_back(static_cast<char>(byte()));
    }
    return bytes;
  }
  // Up to `most` characters, valid UTF-8 as the bindings give it; mostly ASCII.
  std::string text(std::size_t most) {
    std::string text;
    for (std::size_t left = most; left > 0 && !empty(); --left) {
      const std::uint8_t first = byte();
      if (first == 0xFF) break;
      unicode::append(text, first < 0xC0 ? first & 0x7F : character(first));
    }
    return text;
  }
  // Up to `most` bytes in some parts, which may be repeated.
  std::string long_text(std::size_t most) {
    std::string text;
    for (std::size_t left = below(12) + 1; left > 0 && !empty(); --left) {
      const std::size_t times = flag() ? 1 : below(200);
      const std::string part = this->text(below(60));
      for (std::size_t i = 0; i < times && text.size() + part.size() <= most; ++i) text += part;
    }
    return text;
  }

 private:
  // One that steps treat in their own ways, or any.
  char32_t character(std::uint8_t first) {
    static constexpr char32_t kOdd[] = {
        0xA0,   0xAD,   0xC5,   0xDF,   0xE9,   0x130,  0x17F,  0x300,  0x301,   0x323,  0x378,
        0x5D0,  0x627,  0xE33,  0x1100, 0x1161, 0x200D, 0x2028, 0x2047, 0x212B,  0x2581, 0x3000,
        0x304B, 0x3099, 0x4E2D, 0xAC00, 0xFB01, 0xFE0F, 0xFEFF, 0xFFFD, 0x1F1E9, 0x1F600};
    if (first < 0xE0) return kOdd[first & 0x1F];
    const char32_t c = (char32_t{first & 0x1Fu} << 16 | char32_t{byte()} << 8 | byte()) % 0x110000;
    return c >= 0xD800 && c < 0xE000 ? U'\uFFFD' : c;
  }

  const std::uint8_t *at_, *end_;
};

}  // namespace quatrain::fuzz
