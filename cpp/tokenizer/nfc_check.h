// A quick look at whether a text is in normalization form C already, as nearly all text is.
#pragma once
#include <string_view>

namespace quatrain::unicode {

// False if any character might change or join another.
bool is_surely_nfc(std::string_view text);

}  // namespace quatrain::unicode
