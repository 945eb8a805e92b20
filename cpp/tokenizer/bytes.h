// Bytes, eight or sixteen at a time.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

// How many bytes from the first on are from `low` to `high` (ASCII) once `fold` is set in them: of
// kLeading bytes, which are read.
#if defined(__SSE2__)
constexpr std::size_t kLeading = 16;

template <unsigned char low, unsigned char high, unsigned char fold>
std::size_t leading(const char* at) {
  // As signed numbers, `low` to `high` are moved to the least ones.
  const __m128i folded = _mm_or_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)),
                                      _mm_set1_epi8(static_cast<char>(fold)));
  const __m128i moved = _mm_add_epi8(folded, _mm_set1_epi8(static_cast<char>(0x80 - low)));
  const __m128i outside =
      _mm_cmpgt_epi8(moved, _mm_set1_epi8(static_cast<char>(high - low + 0x80)));
  const auto bits = static_cast<std::uint32_t>(_mm_movemask_epi8(outside));
  return static_cast<std::size_t>(std::countr_zero(bits | std::uint32_t{1} << kLeading));
}
#else
constexpr std::size_t kLeading = 8;

template <unsigned char low, unsigned char high, unsigned char fold>
std::size_t leading(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u, kTops = 0x80u * kOnes;
  const std::uint64_t bytes = load8(at), folded = (bytes | fold * kOnes) & ~kTops;
  const std::uint64_t reach = folded + (0x80u - low) * kOnes;    // top bit: at least low
  const std::uint64_t exceed = folded + (0x7Fu - high) * kOnes;  // top bit: above high
  const std::uint64_t outside = (~reach | exceed | bytes) & kTops;
  return static_cast<std::size_t>(std::countr_zero(outside)) / 8;
}
#endif

}  // namespace quatrain::tokenizer
