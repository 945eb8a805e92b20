// Where no token reaches across: between two characters that none has side by side. A text of any
// length may be cut there, and its parts read (and remembered) one by one.
//
// A merge across such a place would make a token in which the two characters are neighbours; as a
// token's text is what it covers, there is none. The parts thus do not see each other, and their
// merges come in the same order alone as together.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace quatrain::tokenizer {

class Boundaries {
 public:
  Boundaries() : others_(kFirstWords) {}

  // The text of a token. Boundaries lie outside of what all of these hold.
  void add(std::string_view token);
  // Makes what was learnt small. To be called when every token was added.
  void finish();

  // Whether a token may have the two side by side. A space and its mark, U+2581, are the same.
  bool may_join(char32_t left, char32_t right) const {
    if ((left | right) < 128) return ascii_[left][right >> 6] >> (right & 63) & 1;
    const std::uint64_t place = hash(left, right);
    return others_[place >> 6 & (others_.size() - 1)] >> (place & 63) & 1;
  }

  // Whether a token may have the character, of three bytes at most, beside another.
  bool may_join(char32_t c) const { return joined_[c]; }

  // The end of the part of the word that begins at byte `at`.
  std::size_t next(std::string_view word, std::size_t at) const;

 private:
  static constexpr std::size_t kFirstWords = 1 << 14, kLeastWords = 1 << 6;

  static std::uint64_t hash(char32_t left, char32_t right) {
    return (left * 0x9E3779B97F4A7C15u + right * 0xD6E8FEB86659FD93u) >> 40;
  }

  std::array<std::array<std::uint64_t, 2>, 128> ascii_{};
  // A bit is set if a pair of its hash is somewhere side by side: one that is not may share it, and
  // then is not cut. A power of two of words.
  std::vector<std::uint64_t> others_;
  std::vector<bool> joined_ = std::vector<bool>(0x10000);
};

}  // namespace quatrain::tokenizer
