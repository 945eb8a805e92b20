#include "tokenizer/cut_table.h"

#include <algorithm>
#include <bit>

namespace quatrain::tokenizer {

CutTable::Char CutTable::read(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = unicode::length(text[at]);
  if ((lead & 0xC0) == 0x80 || size > text.size() - at) return {};
  Char c{lead, size};
  for (std::size_t i = 1; i < size; ++i) {
    if (!unicode::is_continuation(text[at + i])) return {};
    c.bytes |= static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i])) << 8 * i;
  }
  return c;
}

std::size_t CutTable::cut(std::string_view word, const char* stop,
                          std::span<const char*> ends) const {
  std::size_t count = 0;
  Char left = read(word, 0);
  for (std::size_t at = left.size; at < word.size(); at += left.size) {
    if (word.data() + at >= stop) break;
    const Char right = read(word, at);
    ends[count] = word.data() + at;
    count += (left.size > 2 || right.size > 2) && is_cut(left, right);
    if (count == ends.size()) return count;
    left = right;
  }
  ends[count] = word.data() + word.size();
  return count + 1;
}

void CutTable::add(std::string_view token) {
  const auto is_ascii = [](char c) { return static_cast<signed char>(c) >= 0; };
  if (std::all_of(token.begin(), token.end(), is_ascii)) return;
  for (std::size_t i = 1; i < token.size(); ++i) {
    if (unicode::is_continuation(token[i])) continue;
    const std::size_t bytes = std::size_t{static_cast<unsigned char>(token[i - 1])} << 8 |
                              static_cast<unsigned char>(token[i]);
    neighbours_[bytes] = true;
    std::size_t begin = i - 1;
    while (begin > 0 && i - begin < 4 && unicode::is_continuation(token[begin])) --begin;
    const Char left = read(token.substr(0, i), begin), right = read(token, i);
    if (right.size == 0 || left.size != i - begin) {
      partial_[bytes] = true;
    } else {
      found_.emplace_back(left, right);
    }
  }
}

void CutTable::finish() {
  pairs_.assign(std::bit_ceil(found_.size() * 16 + 1), false);
  for (const auto& [left, right] : found_) pairs_[place(left, right)] = true;
  found_ = {};
}

}  // namespace quatrain::tokenizer
