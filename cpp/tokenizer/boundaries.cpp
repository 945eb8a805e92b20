#include "tokenizer/boundaries.h"

#include <bit>
#include <numeric>

#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

char32_t next_character(std::string_view text, std::size_t& at) {
  const char32_t c = unicode::decode(text, at);
  return c == U'\u2581' ? U' ' : c;
}

}  // namespace

void Boundaries::add(std::string_view token) {
  if (token.empty()) return;
  std::size_t at = 0;
  char32_t left = next_character(token, at);
  while (at < token.size()) {
    const char32_t right = next_character(token, at);
    for (const char32_t c : {left, right}) {
      if (c < joined_.size()) joined_[c] = true;
    }
    if ((left | right) < 128) {
      ascii_[left][right >> 6] |= std::uint64_t{1} << (right & 63);
    } else {
      const std::uint64_t place = hash(left, right);
      others_[place >> 6 & (kFirstWords - 1)] |= std::uint64_t{1} << (place & 63);
    }
    left = right;
  }
}

void Boundaries::finish() {
  const auto bits = [&] {
    return std::accumulate(others_.begin(), others_.end(), std::size_t{0},
                           [](std::size_t sum, std::uint64_t word) {
                             return sum + static_cast<std::size_t>(std::popcount(word));
                           });
  };
  // Halves are laid over each other as long as most bits stay clear.
  while (others_.size() > kLeastWords && bits() < others_.size()) {
    const std::size_t half = others_.size() / 2;
    for (std::size_t i = 0; i < half; ++i) others_[i] |= others_[half + i];
    others_.resize(half);
  }
  others_.shrink_to_fit();
}

std::size_t Boundaries::next(std::string_view word, std::size_t at) const {
  char32_t left = next_character(word, at);
  while (at < word.size()) {
    std::size_t end = at;
    const char32_t right = next_character(word, end);
    if (!may_join(left, right)) break;
    left = right;
    at = end;
  }
  return at;
}

}  // namespace quatrain::tokenizer
