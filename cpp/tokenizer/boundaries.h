// Where no merge can ever cross: between two characters that no merged token has side by side. A
// text of any length may be cut there, and its parts merged (and remembered) one by one, without
// changing a token.
//
// A merge across such a place would make a token in which the two characters are neighbours; as a
// token's text is what it covers, there is none. The parts thus do not see each other, and their
// merges come in the same order alone as together.
#pragma once
#include <bitset>
#include <cstdint>
#include <string_view>

#include "tokenizer/hash.h"

namespace quatrain::tokenizer {

class Boundaries {
 public:
  // The text of a token that merging can make. Boundaries lie outside of what all of these hold.
  void add(std::string_view token);

  // The end of the part of the word that begins at byte `at`.
  std::size_t next(std::string_view word, std::size_t at) const;

 private:
  static constexpr std::uint32_t kCommon = 129;  // ASCII, and the sign for a space
  static std::uint32_t common(char32_t c) { return c < 128 ? c : c == 0x2581 ? 128 : kCommon; }
  bool may_join(char32_t left, char32_t right) const;

  std::bitset<std::size_t{kCommon} * kCommon> common_;
  FlatMap<bool> others_;  // by both characters
};

}  // namespace quatrain::tokenizer
