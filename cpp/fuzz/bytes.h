// What a fuzzer's bytes mean: numbers, choices and texts, in the order in which they are asked for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer/unicode.h"

namespace quatrain::fuzz {

// Past its end it gives zeros, so that every input means something.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  std::uint8_t byte() { return empty() ? 0 : *at_++; }
  bool flag() { return byte() & 1; }
  std::size_t below(std::size_t count) { return byte() % count; }
  // Mostly small; now and then one that a reader should refuse.
  std::int64_t number() {
    const std::uint8_t first = byte();
    if (first < 0xF0) return first;
    std::int64_t value = first & 1 ? -1 : 0;
    for (int i = 0; i < (first & 7) + 1; ++i) value = value << 8 | byte();
    return value;
  }
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
  std::string rest(std::size_t most) {
    std::string text;
    while (text.size() < most && !empty()) text += this->text(most);
    return text;
  }

 private:
  char32_t character(std::uint8_t first) {
    const char32_t c = (char32_t{first & 0x1Fu} << 16 | char32_t{byte()} << 8 | byte()) % 0x110000;
    return c >= 0xD800 && c < 0xE000 ? U'\uFFFD' : c;
  }

  const std::uint8_t *at_, *end_;
};

}  // namespace quatrain::fuzz
