// Bytes, eight or sixteen at a time, and which of 64 are of a kind.
#pragma once
#include <bit>
#include <cstddef>
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

// Whether it is an ASCII letter.
inline bool is_letter(char c) { return static_cast<unsigned char>((c | 0x20) - 'a') < 26; }

// Which of the kStep bytes at `at` are not from `low` to `high` (ASCII) once `fold` is set in them,
// a bit for each.
#if defined(__SSE2__)
constexpr std::size_t kStep = 16;

template <unsigned char low, unsigned char high, unsigned char fold>
std::uint32_t outside(const char* at) {
  // As signed numbers, `low` to `high` are moved to the least ones.
  const __m128i folded = _mm_or_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)),
                                      _mm_set1_epi8(static_cast<char>(fold)));
  const __m128i moved = _mm_add_epi8(folded, _mm_set1_epi8(static_cast<char>(0x80 - low)));
  const __m128i above = _mm_cmpgt_epi8(moved, _mm_set1_epi8(static_cast<char>(high - low + 0x80)));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(above));
}
#else
constexpr std::size_t kStep = 8;

template <unsigned char low, unsigned char high, unsigned char fold>
std::uint32_t outside(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u, kTops = 0x80u * kOnes;
  const std::uint64_t bytes = load8(at), folded = (bytes | fold * kOnes) & ~kTops;
  const std::uint64_t reach = folded + (0x80u - low) * kOnes;    // top bit: at least low
  const std::uint64_t exceed = folded + (0x7Fu - high) * kOnes;  // top bit: above high
  // The product brings the top bits side by side.
  return static_cast<std::uint32_t>(((~reach | exceed | bytes) & kTops) * 0x0002040810204081u >>
                                    56);
}
#endif

// How many bytes from the first on are from `low` to `high`, of kStep.
template <unsigned char low, unsigned char high, unsigned char fold>
std::size_t leading(const char* at) {
  const std::uint32_t others = outside<low, high, fold>(at) | std::uint32_t{1} << kStep;
  return static_cast<std::size_t>(std::countr_zero(others));
}

// The end of the bytes at `at` that are. Memory can be read up to `readable`.
template <unsigned char low, unsigned char high, unsigned char fold>
const char* skip(const char* at, const char* end, const char* readable) {
  while (at < end && readable - at >= static_cast<std::ptrdiff_t>(kStep)) {
    const std::size_t count = leading<low, high, fold>(at);
    at += count;
    if (count < kStep) return at < end ? at : end;
  }
  const auto is_in = [](char c) {
    const auto folded = static_cast<unsigned char>(c | fold);
    return folded >= low && folded <= high;
  };
  while (at < end && is_in(*at)) ++at;
  return at < end ? at : end;
}

// Which of 64 bytes are from `low` to `high`.
template <unsigned char low, unsigned char high, unsigned char fold = 0>
std::uint64_t places(const char* at) {
  std::uint64_t others = 0;
  for (std::size_t i = 0; i < 64; i += kStep) {
    others |= std::uint64_t{outside<low, high, fold>(at + i)} << i;
  }
  return ~others;
}

}  // namespace quatrain::tokenizer
