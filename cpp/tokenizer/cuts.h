// Where a long text may be cut so that its parts have, together, its tokens.
#pragma once
#include <cstddef>
#include <string_view>

#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// A letter and then this: every step of the tokenizer treats the two apart, and neither side looks
// at the other.
struct CutRule {
  bool at_space = false, at_newline = false;
  bool after_ideograph = false;  // is that a letter here: no step puts a space behind it

  bool any() const { return at_space || at_newline; }
};

// What is certain about a tokenizer. If in doubt, no place.
CutRule cut_rule(const TokenizerSpec& spec);

// The last such place in a text (valid UTF-8), at `from` or behind it; 0 if there is none.
std::size_t last_cut(std::string_view text, std::size_t from, CutRule rule);

}  // namespace quatrain::tokenizer
