// What Split and Replace look for: a literal, a run of characters, or a regular expression.
#pragma once
#include <string_view>
#include <vector>

#include "tokenizer/spec.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {

// Refuses a pattern that could not be executed; `where` names it.
void check_pattern(const PatternSpec& pattern, const char* where);

// Where a literal stands; an empty one around every character.
std::vector<Piece> find_literal(std::string_view literal, std::string_view text);

// All matches in a non-empty text, from left to right; none overlap, some may be empty.
std::vector<Piece> find_matches(const PatternSpec& pattern, std::string_view text);

}  // namespace quatrain::tokenizer
