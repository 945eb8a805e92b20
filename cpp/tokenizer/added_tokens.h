// Tokens that are found in the text itself, before (or, if `normalized`, after) normalization, and
// that the model never sees.
#pragma once
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/double_array.h"
#include "tokenizer/spec.h"
#include "tokenizer/text.h"
#include "tokenizer/vocabulary.h"

namespace quatrain::tokenizer {

class AddedTokens {
 public:
  AddedTokens(const std::vector<AddedTokenSpec>& tokens, bool may_skip, const Vocabulary& model,
              const std::vector<NormalizerSpec>& normalizers);

  // A part of a text: an added token, or what lies between two.
  struct Part {
    Piece piece;
    const AddedTokenSpec* token = nullptr;
  };
  // Whether a token that stands in a piece of the text is to be overlooked there.
  using Overlooks = std::function<bool(const AddedTokenSpec& token, Piece piece)>;
  // Cuts the text at the tokens that are matched before (false) or after (true) normalization, as
  // if it had none that are overlooked (if that is not empty).
  void split(std::string_view text, bool normalized, const Overlooks& overlooks,
             std::vector<Part>& parts) const;

  bool has_any(bool normalized) const { return searches_[normalized].has_any; }
  const AddedTokenSpec* find(std::uint32_t id) const;
  const AddedTokenSpec* find(std::string_view content) const;
  const std::vector<AddedTokenSpec>& tokens() const { return tokens_; }
  // What the token of an id, if it is one of these, is to the decoder: what is found of it in the
  // text, since a decoder undoes what the normalizer did to the rest of the text as well.
  const std::string* found_form(std::uint32_t id) const;

 private:
  struct Search {
    // The first place from `at` on where a token may begin, or the end.
    std::size_t candidate(std::string_view text, std::size_t at) const;

    bool has_any = false;
    std::array<bool, 256> may_begin{};  // by the first byte
    std::optional<char> begins;         // the one that all have, if they do
    DoubleArray forms{{}};              // to indices into tokens_
  };
  std::vector<AddedTokenSpec> tokens_;
  std::vector<std::string> forms_;  // of each, normalized if it is
  std::map<std::uint32_t, std::size_t> by_id_;
  std::map<std::string, std::size_t, std::less<>> by_content_;
  std::array<Search, 2> searches_;
};

}  // namespace quatrain::tokenizer
