#include "tokenizer/encoding.h"

namespace quatrain::tokenizer {
namespace {

template <class T>
void keep_range(std::vector<T>& values, std::size_t begin, std::size_t end) {
  values.resize(end);
  values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(begin));
}

}  // namespace

void Sequence::keep(std::size_t begin, std::size_t end) {
  keep_range(ids, begin, end);
  keep_range(words, begin, end);
  keep_range(offsets, begin, end);
  std::erase_if(texts, [&](const auto& text) { return text.first < begin || text.first >= end; });
  for (auto& text : texts) text.first -= static_cast<std::uint32_t>(begin);
}

void Encoding::append(const Sequence& sequence, std::uint32_t type_id) {
  for (const auto& [position, text] : sequence.texts) {
    texts.emplace_back(position + static_cast<std::uint32_t>(size()), text);
  }
  ids.insert(ids.end(), sequence.ids.begin(), sequence.ids.end());
  words.insert(words.end(), sequence.words.begin(), sequence.words.end());
  offsets.insert(offsets.end(), sequence.offsets.begin(), sequence.offsets.end());
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
    for (auto& entry : texts) entry.first += static_cast<std::uint32_t>(count);
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

}  // namespace quatrain::tokenizer
