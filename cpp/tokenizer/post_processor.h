// Post-processors: trimmed offsets and special tokens around the sequences.
#pragma once
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/encoding.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

class PostProcessor {
 public:
  using TokenText = std::function<std::string_view(std::uint32_t)>;

  // `token_text` gives the vocabulary's text of an id; `end_id` is above every id.
  PostProcessor(const std::vector<PostProcessorSpec>& steps, const TokenText& token_text,
                std::uint32_t end_id);

  // The number of special tokens that join the text.
  std::size_t added(bool is_pair) const { return is_pair ? added_pair_ : added_single_; }

  // Takes the spaces at the ends of offsets away, if it is asked to.
  void trim(Sequence& sequence) const;

  // The places that texts have in the result, in order: each is the second text's or the first's.
  std::vector<bool> places(bool is_pair) const;
  // Puts a text, already trimmed, into each place.
  using Pick = std::function<const Sequence&(std::size_t place, bool is_second)>;
  Encoding join(bool is_pair, bool add_special_tokens, const Pick& pick) const;

 private:
  struct Spaces {
    std::uint16_t leading = 0, trailing = 0;  // in characters
  };
  static Spaces spaces(std::string_view token);

  bool trims_ = false, prefix_space_ = false;
  std::vector<Spaces> spaces_;  // by id, if offsets are trimmed
  std::optional<PostProcessorSpec> frame_;
  std::size_t added_single_ = 0, added_pair_ = 0;
};

}  // namespace quatrain::tokenizer
