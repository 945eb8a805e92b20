// Normalizers: edits of the text before it is split into words.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/spec.h"
#include "tokenizer/special.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {

// Refuses a normalizer that could not be executed.
void check_normalizer(const NormalizerSpec& spec);

// Applies the normalizers in order. Tokens that the guard, if any, bars are to them as if the
// vocabulary lacked them.
void normalize(const std::vector<NormalizerSpec>& normalizers, Text& text,
               const SpecialGuard* guard = nullptr);

// The normalized form of a string that stands alone.
std::string normalized(const std::vector<NormalizerSpec>& normalizers, std::string_view string);

// Whether it is quickly seen that the normalizers leave the string as it is.
bool surely_keep(const std::vector<NormalizerSpec>& normalizers, std::string_view string);

// Replaces every byte by the character that stands for it.
void spell_bytes(Text& text);

}  // namespace quatrain::tokenizer
