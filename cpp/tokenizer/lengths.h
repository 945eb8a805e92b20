// Truncation and padding.
#pragma once
#include <span>

#include "tokenizer/encoding.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// Shortens the sequences so that, with `added` special tokens, they fit.
void truncate(const TruncationSpec& spec, std::size_t added, Sequence& first, Sequence* second);

// Brings the encodings of a batch to one length. `text` is the padding token's, if not that of
// its id.
void pad(const PaddingSpec& spec, const std::string* text, std::span<Encoding> batch);

}  // namespace quatrain::tokenizer
