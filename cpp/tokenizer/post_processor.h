// Post-processors: trimmed offsets and special tokens around the sequences.
#pragma once
#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/encoding.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// The steps are carried out once, on the places of the texts instead of on texts: what is left to
// do for a text is to fill in a list.
class PostProcessor {
 public:
  using TokenText = std::function<std::string_view(std::uint32_t)>;

  // `token_text` gives the vocabulary's text of an id; `end_id` is above every id.
  PostProcessor(const std::vector<PostProcessorSpec>& steps, const TokenText& token_text,
                std::uint32_t end_id);

  // One step that takes the spaces at the ends of offsets away.
  struct Trim {
    bool prefix_space;  // a space in front of the text was put there by us
    bool is_at_front;   // nothing is in front of the text yet
  };
  // A place of a text, or a special token.
  struct Item {
    bool is_text = false, is_second = false;
    std::uint32_t type_id = 0;
    std::vector<Trim> trims;  // of a text
    std::uint32_t id = 0;     // of a special token
    std::string token;        // its text, if that is not the vocabulary's
    bool is_masked = true;    // whether special_tokens_mask counts it
  };
  // What becomes of one text, or of two, in order.
  std::span<const Item> items(bool is_pair, bool add_special_tokens) const {
    return items_[is_pair][add_special_tokens];
  }

  // The number of tokens that truncation leaves room for.
  std::size_t added(bool is_pair) const { return added_[is_pair]; }

  // Puts a text into each place.
  using Pick = std::function<const Sequence&(std::size_t place, bool is_second)>;
  Encoding join(bool is_pair, bool add_special_tokens, const Pick& pick) const;

 private:
  struct Spaces {
    std::uint16_t leading = 0, trailing = 0;  // in characters
  };
  static Spaces spaces(std::string_view token);
  void trim(Trim step, std::size_t begin, Encoding& encoding) const;

  std::vector<Spaces> spaces_;                             // by id, if offsets are trimmed
  std::array<std::array<std::vector<Item>, 2>, 2> items_;  // [is_pair][add_special_tokens]
  std::array<std::size_t, 2> added_{};
};

}  // namespace quatrain::tokenizer
