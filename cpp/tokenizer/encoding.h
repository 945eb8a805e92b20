// What a text becomes.
#pragma once
#include <cstdint>
#include <optional>
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
  void reserve(std::size_t count) {
    ids.reserve(count);
    words.reserve(count);
    offsets.reserve(count);
  }
  // Appends another's tokens [begin, end).
  void take(const Sequence& other, std::size_t begin, std::size_t end);
  // Keeps tokens [begin, end).
  void keep(std::size_t begin, std::size_t end);
};

// Tokens [begin, end) of an encoding.
struct TokenRange {
  std::uint32_t begin = 0, end = 0;
};

// The model's input.
struct Encoding : Sequence {
  // Tokens side by side that are alike.
  struct Part {
    enum class Kind : std::uint8_t { kText, kSecondText, kAdded, kPadding };
    TokenRange tokens;
    Kind kind;
    bool is_masked;  // whether special_tokens_mask counts them
    std::uint32_t type_id;
    bool is_of(bool second) const { return kind == (second ? Kind::kSecondText : Kind::kText); }
  };
  std::vector<Part> parts;  // all tokens, in order

  void append(const Sequence& sequence, std::uint32_t type_id, bool is_second);
  // A token that stands for no text.
  void append(std::uint32_t id, std::uint32_t type_id, bool is_masked);
  // Moves everything behind `count` padding tokens, or appends them.
  void pad(std::size_t count, bool left, std::uint32_t id, std::uint32_t type_id,
           const std::string* text);

  // One value per token, from its part.
  template <class Value>
  auto spread(Value value) const {
    std::vector<decltype(value(Part()))> values;
    values.reserve(size());
    for (const Part& part : parts) values.resize(part.tokens.end, value(part));
    return values;
  }
  // The tokens of one of the texts. A template may repeat a text: the last time counts.
  std::optional<TokenRange> tokens_of(bool second) const;
  // The first of them that covers a character, and those that a word became.
  std::optional<std::uint32_t> token_at(std::uint32_t character, bool second) const;
  std::optional<TokenRange> tokens_of_word(std::uint32_t word, bool second) const;
};

}  // namespace quatrain::tokenizer
