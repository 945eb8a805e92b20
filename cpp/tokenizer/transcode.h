// Characters as Python keeps them, in 1, 2 or 4 bytes each, to UTF-8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "tokenizer/unicode.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace quatrain::tokenizer {

// How many bytes of UTF-8 a character of this type takes at most.
template <class Unit>
constexpr std::size_t kMostBytes = sizeof(Unit) == 1   ? 2
                                   : sizeof(Unit) == 2 ? 3
                                                       : 4;

// Writes what is ASCII of the first eight characters, all eight of which are read, if that is all
// of them; says whether it is.
template <class Unit>
bool write_ascii8(const Unit* from, char* to) {
#if defined(__SSE2__)
  if constexpr (sizeof(Unit) == 2) {
    const __m128i units = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i above = _mm_and_si128(units, _mm_set1_epi16(static_cast<short>(0xFF80)));
    if (_mm_movemask_epi8(_mm_cmpeq_epi16(above, _mm_setzero_si128())) != 0xFFFF) return false;
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(units, units));
    return true;
  }
#endif
  Unit any = 0;
  for (std::size_t i = 0; i < 8; ++i) any |= from[i];
  if (any >= 0x80) return false;
  for (std::size_t i = 0; i < 8; ++i) to[i] = static_cast<char>(from[i]);
  return true;
}

// Writes a character that takes three bytes, if it is one, and a byte behind; says whether it is.
inline bool write_three(std::uint32_t c, char* to) {
  if constexpr (std::endian::native != std::endian::little) return false;
  if (c - 0x800 >= 0x10000 - 0x800 || !unicode::is_character(c)) return false;
  const std::uint32_t bytes = 0x8080E0 | c >> 12 | (c & 0xFC0) << 2 | (c & 0x3F) << 16;
  std::memcpy(to, &bytes, sizeof bytes);
  return true;
}

// Writes the UTF-8 of [from, end) and returns its end, or null if a character is a lone surrogate.
template <class Unit>
char* write_utf8(const Unit* from, const Unit* end, char* to) {
  while (from < end) {
    while (end - from >= 8 && write_ascii8(from, to)) from += 8, to += 8;
    while (from < end && *from < 0x80) *to++ = static_cast<char>(*from++);
    for (; from < end && *from >= 0x80; ++from) {
      if (sizeof(Unit) > 1 && end - from > 1 && write_three(*from, to)) {
        to += 3;
        continue;
      }
      if (!unicode::is_character(*from)) return nullptr;
      to = unicode::write(*from, to);
    }
  }
  return to;
}

// A text of so many characters, or of UTF-8.
struct Characters {
  Characters(std::string_view utf8) : data(utf8.data()), size(utf8.size()), width(0) {}
  Characters(const void* characters, std::size_t count, std::size_t bytes)
      : data(characters), size(count), width(bytes) {}

  const void* data;
  std::size_t size;
  std::size_t width;  // bytes of a character; 0 for UTF-8
};

// The UTF-8 of a text: itself, or in `buffer`. Raises InputError for a lone surrogate.
inline std::string_view to_utf8(const Characters& text, std::string& buffer) {
  if (text.width == 0) return {static_cast<const char*>(text.data), text.size};
  const auto make = [&]<class Unit>(const Unit* units) -> std::string_view {
    const std::size_t most = text.size * kMostBytes<Unit>;
    if (buffer.size() < most) buffer.resize(most);
    const char* end = write_utf8(units, units + text.size, buffer.data());
    if (end) return {buffer.data(), end};
    std::size_t at = 0;
    while (unicode::is_character(units[at])) ++at;
    fail("encode", "the text has a lone surrogate at character ", at,
         ", which UTF-8 cannot express");
  };
  if (text.width == 1) return make(static_cast<const std::uint8_t*>(text.data));
  if (text.width == 2) return make(static_cast<const std::uint16_t*>(text.data));
  return make(static_cast<const std::uint32_t*>(text.data));
}

}  // namespace quatrain::tokenizer
