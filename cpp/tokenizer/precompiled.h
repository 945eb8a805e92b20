// The two ways to apply a charsmap to a text.
#pragma once
#include "tokenizer/charsmap.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {

// As `tokenizers` does it: grapheme by grapheme. One of less than six bytes that begins with a
// rule's string, the shortest, is replaced as a whole; else each of its characters, likewise.
void rewrite_graphemes(const Charsmap& charsmap, Text& text);

}  // namespace quatrain::tokenizer
