// Strings that are looked for at every place of a text.
#pragma once
#include <cstddef>
#include <string_view>

#include "core/check.h"

namespace quatrain::tokenizer {

// The longest in the vocabularies in use have about 100 bytes. Of a text that is all prefix of one,
// each place is read that far.
inline constexpr std::size_t kLongestSought = 1024;

// Refuses a longer one; `what` names it.
template <class... What>
void check_sought(std::string_view string, const char* where, const What&... what) {
  check<TokenizerError>(string.size() <= kLongestSought, where, what..., " of ", string.size(),
                        " bytes, expected at most ", kLongestSought,
                        " of what texts are searched for");
}

}  // namespace quatrain::tokenizer
