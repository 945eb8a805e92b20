// Bytes, eight at a time.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace quatrain::tokenizer {

// Eight bytes, the first of them lowest.
inline std::uint64_t load8(const char* at) {
  std::uint64_t bytes;
  std::memcpy(&bytes, at, 8);
  if constexpr (std::endian::native == std::endian::big) {
    bytes = (bytes & 0x00FF00FF00FF00FFu) << 8 | (bytes >> 8 & 0x00FF00FF00FF00FFu);
    bytes = (bytes & 0x0000FFFF0000FFFFu) << 16 | (bytes >> 16 & 0x0000FFFF0000FFFFu);
    bytes = bytes << 32 | bytes >> 32;
  }
  return bytes;
}

}  // namespace quatrain::tokenizer
