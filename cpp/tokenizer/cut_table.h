// Where a word may be cut without changing its tokens: between characters that stand side by side
// in no token, since no merge can ever reach across.
//
// Of use where words are long and their characters many: Chinese, Japanese, emoji.
#pragma once
#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

class CutTable {
 public:
  // Learns a token's bytes. To be called for every token, then finish().
  void add(std::string_view token);
  void finish();

  // Whether cuts are sought in a word: only beside characters of three bytes or more.
  static bool may_cut(std::string_view word) {
    return is_wide(word[0]) || (word.size() > 1 && is_wide(word[1]));
  }
  // Cuts a word, which is UTF-8, before `stop` only. Writes where its parts end, as far as there is
  // room, and returns how many.
  std::size_t cut(std::string_view word, const char* stop, std::span<const char*> ends) const;

 private:
  // A character's bytes and their number.
  struct Char {
    std::uint32_t bytes = 0;
    std::size_t size = 0;
  };

  static bool is_wide(char lead) { return static_cast<unsigned char>(lead) >= 0xE0; }
  // The character that begins at text[at]; size 0 if the text, which may be any bytes, has none.
  static Char read(std::string_view text, std::size_t at);

  // Whether no token reaches from one character to the next.
  bool is_cut(const Char& left, const Char& right) const {
    const std::size_t bytes = last(left) << 8 | (right.bytes & 0xFF);
    if (!neighbours_[bytes]) return true;
    return !partial_[bytes] && !pairs_[place(left, right)];
  }

  static std::size_t last(const Char& c) { return c.bytes >> (c.size - 1) * 8; }
  std::size_t place(const Char& left, const Char& right) const {
    const std::uint64_t both = std::uint64_t{left.bytes} << 32 | right.bytes;
    return static_cast<std::size_t>(both * 0x9E3779B97F4A7C15u >> 40) & (pairs_.size() - 1);
  }

  std::bitset<65536> neighbours_;  // by the last byte of the left one and the first of the right
  std::bitset<65536> partial_;     // of them, those of a token that has only a part of either
  std::vector<bool> pairs_;        // by hash: sometimes true though no token has the two
  std::vector<std::pair<Char, Char>> found_;
};

}  // namespace quatrain::tokenizer
