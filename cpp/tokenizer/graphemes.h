// Where a text may be cut without cutting what a reader sees as one character.
#pragma once
#include <cstddef>
#include <string_view>

namespace quatrain::unicode {

// The end of the extended grapheme cluster (UAX #29) at text[at], where one must begin. The text is
// valid UTF-8.
std::size_t grapheme_end(std::string_view text, std::size_t at);

// Whether the text may be cut on either side of c for certain, if what is there does, too; but a
// line feed belongs to a carriage return.
bool stands_apart(char32_t c);

}  // namespace quatrain::unicode
