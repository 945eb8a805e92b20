// Truncation and padding.
#pragma once
#include <array>
#include <span>

#include "tokenizer/encoding.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// How many tokens may stay of each of two texts (0 tokens of a second that is not there), so that
// with `added` special tokens they fit.
std::array<std::size_t, 2> fit(const TruncationSpec& spec, std::size_t added, std::size_t first,
                               std::optional<std::size_t> second);

// A text of `size` tokens is seen through windows of `length`, of which truncation keeps the first.
// Each shares `stride` tokens with the one before it.
std::size_t count_windows(const TruncationSpec& spec, std::size_t length, std::size_t size);
TokenRange window(const TruncationSpec& spec, std::size_t length, std::size_t size,
                  std::size_t index);

// Brings the encodings of a batch to one length. `text` is the padding token's, if not that of
// its id.
void pad(const PaddingSpec& spec, const std::string* text, std::span<Encoding> batch);

}  // namespace quatrain::tokenizer
