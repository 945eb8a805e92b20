#include "tokenizer/encoding.h"

#include <algorithm>

namespace quatrain::tokenizer {
namespace {

template <class T>
void keep_range(std::vector<T>& values, std::size_t begin, std::size_t end) {
  values.resize(end);
  values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(begin));
}

template <class T>
void append_range(std::vector<T>& values, const std::vector<T>& other, std::size_t begin,
                  std::size_t end) {
  const auto first = other.begin();
  values.insert(values.end(), first + static_cast<std::ptrdiff_t>(begin),
                first + static_cast<std::ptrdiff_t>(end));
}

}  // namespace

void Sequence::take(const Sequence& other, std::size_t begin, std::size_t end) {
  auto text = std::partition_point(other.texts.begin(), other.texts.end(),
                                   [&](const auto& entry) { return entry.first < begin; });
  for (; text != other.texts.end() && text->first < end; ++text) {
    texts.emplace_back(static_cast<std::uint32_t>(size() + text->first - begin), text->second);
  }
  append_range(ids, other.ids, begin, end);
  append_range(words, other.words, begin, end);
  append_range(offsets, other.offsets, begin, end);
}

void Sequence::keep(std::size_t begin, std::size_t end) {
  keep_range(ids, begin, end);
  keep_range(words, begin, end);
  keep_range(offsets, begin, end);
  std::erase_if(texts, [&](const auto& text) { return text.first < begin || text.first >= end; });
  for (auto& text : texts) text.first -= static_cast<std::uint32_t>(begin);
}

void Encoding::append(const Sequence& sequence, std::uint32_t type_id, bool is_second) {
  const auto begin = static_cast<std::uint32_t>(size());
  parts.push_back({{begin, begin + static_cast<std::uint32_t>(sequence.size())}, is_second});
  take(sequence, 0, sequence.size());
  type_ids.resize(size(), type_id);
  special.resize(size(), 0);
  attention.resize(size(), 1);
}

void Encoding::append(std::uint32_t id, std::uint32_t type_id) {
  push(id, {}, kNoWord);
  type_ids.push_back(type_id);
  special.push_back(1);
  attention.push_back(1);
}

void Encoding::pad(std::size_t count, bool left, std::uint32_t id, std::uint32_t type_id,
                   const std::string* text) {
  const auto extend = [&](auto& values, auto value) {
    values.insert(left ? values.begin() : values.end(), count, value);
  };
  const auto length = static_cast<std::uint32_t>(size());
  if (left) {
    const auto shift = static_cast<std::uint32_t>(count);
    for (auto& entry : texts) entry.first += shift;
    for (Part& part : parts) part.tokens = {part.tokens.begin + shift, part.tokens.end + shift};
  }
  for (std::uint32_t i = 0; text && i < count; ++i) {
    texts.emplace_back(left ? i : length + i, *text);
  }
  extend(ids, id);
  extend(words, kNoWord);
  extend(offsets, Span{});
  extend(type_ids, type_id);
  extend(special, std::uint8_t{1});
  extend(attention, std::uint8_t{0});
}

std::optional<TokenRange> Encoding::tokens_of(bool second) const {
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_second == second) return part->tokens;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Encoding::token_at(std::uint32_t character, bool second) const {
  const TokenRange range = tokens_of(second).value_or(TokenRange{});
  for (std::uint32_t i = range.begin; i < range.end; ++i) {
    if (offsets[i].begin <= character && character < offsets[i].end) return i;
  }
  return std::nullopt;
}

std::optional<TokenRange> Encoding::tokens_of_word(std::uint32_t word, bool second) const {
  const TokenRange range = tokens_of(second).value_or(TokenRange{});
  const auto begin = words.begin() + range.begin, end = words.begin() + range.end;
  const auto [first, last] = std::equal_range(begin, end, word);
  if (first == last) return std::nullopt;
  return TokenRange{static_cast<std::uint32_t>(first - words.begin()),
                    static_cast<std::uint32_t>(last - words.begin())};
}

}  // namespace quatrain::tokenizer
