#include "tokenizer/nfc_check.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "tokenizer/bytes.h"
#include "tokenizer/unicode.h"

namespace quatrain::unicode {
namespace {

constexpr char32_t kFirst = 0x300;  // those below may change nothing and join nothing
constexpr char32_t kSyllables = 0xAC00, kSyllablesEnd = 0xD7A4;
constexpr char32_t kVowels = 0x1161, kTailsEnd = 0x11C3;

// Characters that may change, move, or join the one before.
class Unstable {
 public:
  Unstable() : bits_(0x110000) {
    const ClassTable& classes = class_table();
    for (char32_t c = kFirst; c < bits_.size(); ++c) {
      if (!(classes[c] & Class::kCanonical)) continue;
      if (c >= kSyllables && c < kSyllablesEnd) continue;
      bits_[c] = combining_class(c) > 0 || !is_recomposed(c);
    }
    for (std::size_t i = 0; i < tables::compositions_size; ++i) {
      bits_[tables::compositions[i].second] = true;
    }
    std::fill(bits_.begin() + kVowels, bits_.begin() + kTailsEnd, true);
  }
  bool operator[](char32_t c) const { return bits_[c]; }

 private:
  static bool is_recomposed(char32_t c) {
    std::array<std::uint32_t, 3> hangul;
    const auto parts = decompose(c, false, hangul);
    if (parts.empty()) return true;
    char32_t composed = parts[0];
    for (const char32_t part : parts.subspan(1)) {
      composed = compose(composed, part);
      if (composed == 0) return false;
    }
    return composed == c;
  }
  std::vector<bool> bits_;
};

// The first byte of a character from kFirst on, or the end.
const char* skip_low(const char* at, const char* end) {
  constexpr std::uint64_t kTops = 0x8080808080808080u;
  while (end - at >= 8 && !(tokenizer::load8(at) & kTops)) at += 8;
  return std::find_if(at, end, [](char c) { return static_cast<unsigned char>(c) >= 0xCC; });
}

}  // namespace

bool is_surely_nfc(std::string_view text) {
  const char* end = text.data() + text.size();
  const char* at = skip_low(text.data(), end);
  if (at == end) return true;
  static const Unstable unstable;
  for (auto i = static_cast<std::size_t>(at - text.data()); i < text.size();) {
    if (unstable[decode(text, i)]) return false;
  }
  return true;
}

}  // namespace quatrain::unicode
