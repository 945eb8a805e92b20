// Charsmaps from a fuzzer's bytes: a few rules in an array of their layout, which may be damaged.
#pragma once
#include <string>

#include "fuzz/bytes.h"

namespace quatrain::fuzz {

std::string charsmap(Bytes& bytes);

}  // namespace quatrain::fuzz
