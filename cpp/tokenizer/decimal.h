// Numbers as the files of `tokenizers` are read.
#pragma once
#include <string_view>

namespace quatrain::tokenizer {

// A JSON number as serde_json reads it, on whose scores the peers' ties depend. It divides the
// digits, rounded to a double, by a power of ten, rounding again: the last bit is not always that
// of the nearest double.
double read_decimal(std::string_view text);

}  // namespace quatrain::tokenizer
