#include "tokenizer/boundaries.h"

#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

void Boundaries::add(std::string_view token) {
  std::size_t at = 0;
  char32_t left = unicode::decode(token, at);
  while (at < token.size()) {
    const char32_t right = unicode::decode(token, at);
    const std::uint32_t i = common(left), j = common(right);
    if (i < kCommon && j < kCommon) {
      common_.set(std::size_t{i} * kCommon + j);
    } else {
      others_[std::uint64_t{left} << 32 | right] = true;
    }
    left = right;
  }
}

bool Boundaries::may_join(char32_t left, char32_t right) const {
  const std::uint32_t i = common(left), j = common(right);
  if (i < kCommon && j < kCommon) return common_.test(std::size_t{i} * kCommon + j);
  return others_.find(std::uint64_t{left} << 32 | right) != nullptr;
}

std::size_t Boundaries::next(std::string_view word, std::size_t at) const {
  char32_t left = unicode::decode(word, at);
  while (at < word.size()) {
    std::size_t end = at;
    const char32_t right = unicode::decode(word, end);
    if (!may_join(left, right)) break;
    left = right;
    at = end;
  }
  return at;
}

}  // namespace quatrain::tokenizer
