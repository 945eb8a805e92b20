// What a text becomes.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/text.h"

namespace quatrain::tokenizer {

constexpr std::uint32_t kNoWord = UINT32_MAX;

// The tokens of one text, before special tokens join them.
struct Sequence {
  std::vector<std::uint32_t> ids, words;
  std::vector<Span> offsets;
  // Tokens whose text is not the vocabulary's (an added token with the spaces it stripped).
  std::vector<std::pair<std::uint32_t, std::string>> texts;  // position, text

  void push(std::uint32_t id, Span span, std::uint32_t word) {
    ids.push_back(id);
    offsets.push_back(span);
    words.push_back(word);
  }
  std::size_t size() const { return ids.size(); }
  void clear() {
    ids.clear();
    words.clear();
    offsets.clear();
    texts.clear();
  }
  // Keeps tokens [begin, end).
  void keep(std::size_t begin, std::size_t end);
};

// The model's input: one entry per token in every vector.
struct Encoding : Sequence {
  std::vector<std::uint32_t> type_ids;
  std::vector<std::uint8_t> special, attention;

  void append(const Sequence& sequence, std::uint32_t type_id);
  // A token that stands for no text.
  void append(std::uint32_t id, std::uint32_t type_id);
  // Moves everything behind `count` padding tokens, or appends them.
  void pad(std::size_t count, bool left, std::uint32_t id, std::uint32_t type_id,
           const std::string* text);
};

}  // namespace quatrain::tokenizer
