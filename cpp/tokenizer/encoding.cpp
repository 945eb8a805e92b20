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
  const auto end = begin + static_cast<std::uint32_t>(sequence.size());
  parts.push_back(
      {{begin, end}, is_second ? Part::Kind::kSecondText : Part::Kind::kText, false, type_id});
  take(sequence, 0, sequence.size());
}

void Encoding::append(std::uint32_t id, std::uint32_t type_id, bool is_masked) {
  const auto begin = static_cast<std::uint32_t>(size());
  parts.push_back({{begin, begin + 1}, Part::Kind::kAdded, is_masked, type_id});
  push(id, {}, kNoWord);
}

void Encoding::pad(std::size_t count, bool left, std::uint32_t id, std::uint32_t type_id,
                   const std::string* text) {
  const auto extend = [&](auto& values, auto value) {
    values.insert(left ? values.begin() : values.end(), count, value);
  };
  const auto length = static_cast<std::uint32_t>(size());
  const auto added = static_cast<std::uint32_t>(count);
  if (left) {
    for (auto& entry : texts) entry.first += added;
    for (Part& part : parts) part.tokens = {part.tokens.begin + added, part.tokens.end + added};
  }
  const std::uint32_t begin = left ? 0 : length;
  const Part padding{{begin, begin + added}, Part::Kind::kPadding, true, type_id};
  parts.insert(left ? parts.begin() : parts.end(), padding);
  for (std::uint32_t i = 0; text && i < added; ++i) texts.emplace_back(begin + i, *text);
  extend(ids, id);
  extend(words, kNoWord);
  extend(offsets, Span{});
}

std::optional<TokenRange> Encoding::tokens_of(bool second) const {
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_of(second)) return part->tokens;
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
