// Unicode as tokenizers need it: UTF-8, character classes, normalization mappings.
//
// Each class follows the Unicode version that the peer's own library froze; tools/unicode_tables.py
// says which, and generates unicode_tables.cpp.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quatrain::unicode {

enum Class : std::uint16_t {
  kLetter = 1 << 0,       // regex \p{L}
  kNumber = 1 << 1,       // regex \p{N}
  kSpace = 1 << 2,        // regex \s, and the White_Space property: the same 25 characters
  kWord = 1 << 3,         // regex \w
  kPunctuation = 1 << 4,  // BERT's: ASCII symbols and category P
  kControl = 1 << 5,      // BERT's: Cc, Cf, Co but tab, line feed, carriage return; and U+FFFD
  kNonspacing = 1 << 6,   // Mn: the accents that BERT strips
  kMark = 1 << 7,         // category M
  kNumeric = 1 << 8,      // category N, newer than kNumber
  kCanonical = 1 << 9,    // NFD may change or move it
  kCompatible = 1 << 10,  // NFKD may change or move it
  kUpper = 1 << 11,       // has a lowercase form
  kIdeograph = 1 << 12,   // the CJK blocks that BERT surrounds with spaces
};

namespace tables {
struct Run;
}

// A value of every code point, in 256-wide pages of which equal ones are shared.
class ClassTable {
 public:
  ClassTable(const tables::Run* runs, std::size_t size);
  std::uint16_t operator[](char32_t c) const { return pages_[page_[c >> 8] + (c & 255)]; }

 private:
  std::array<std::uint32_t, 0x110000 / 256> page_;
  std::vector<std::uint16_t> pages_;
};
const ClassTable& class_table();  // of Class flags

std::uint8_t combining_class(char32_t c);

// How a character takes part in grapheme clusters (graphemes.h). A row of the table holds a
// GraphemeBreak, + 16 for a pictograph, + 32 times a Conjunct.
enum class GraphemeBreak : std::uint8_t {
  kOther,
  kCr,
  kLf,
  kControl,
  kExtend,
  kZwj,
  kRegional,
  kPrepend,
  kSpacingMark,
  kL,
  kV,
  kT,
  kLv,
  kLvt
};
enum class Conjunct : std::uint8_t { kNone, kConsonant, kLinker, kExtend };

// A number for the script of c, Japanese kana counted as Han; 0 if it goes with any script.
std::uint8_t script(char32_t c);

// The full decomposition of c (Hangul syllables included), or empty if c stays as it is.
// `hangul` is the storage of a syllable's answer.
std::span<const std::uint32_t> decompose(char32_t c, bool compatible,
                                         std::array<std::uint32_t, 3>& hangul);

// The primary composite of two characters, or 0.
char32_t compose(char32_t first, char32_t second);

// The one or two characters that c becomes in lowercase (Rust's char::to_lowercase: no context).
struct Lowered {
  char32_t first, second;  // second = 0 for all but U+0130
};
Lowered lower(char32_t c);

// Decodes the character at text[at] and moves `at` behind it. The text is valid UTF-8.
inline char32_t decode(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  char32_t c;
  if (lead < 0x80) {
    c = lead;
    at += 1;
  } else if (lead < 0xE0) {
    c = (lead & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
    at += 2;
  } else if (lead < 0xF0) {
    c = (lead & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    at += 3;
  } else {
    c = (lead & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
    at += 4;
  }
  return c;
}

inline bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The number of bytes of the character that begins with `lead`.
inline std::size_t length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// Decodes the character that ends before text[at] and moves `at` to its first byte.
inline char32_t decode_before(std::string_view text, std::size_t& at) {
  do {
    --at;
  } while (is_continuation(text[at]));
  std::size_t cursor = at;
  return decode(text, cursor);
}

// Whether UTF-8 can express c.
inline bool is_character(char32_t c) { return c < 0xD800 || (c >= 0xE000 && c < 0x110000); }

constexpr std::size_t kMostBytes = 4;  // of a character

// Writes a character, for which there is room, and returns where it ends.
inline char* write(char32_t c, char* to) {
  const auto put = [&](char32_t byte) { *to++ = static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
  return to;
}
inline void append(std::string& text, char32_t c) {
  char bytes[kMostBytes];
  text.append(bytes, write(c, bytes));
}

// How many bytes, at most, are well-formed UTF-8 (no surrogates, no overlong forms).
std::size_t valid_prefix(std::string_view bytes);
inline bool is_valid(std::string_view bytes) { return valid_prefix(bytes) == bytes.size(); }

namespace tables {  // unicode_tables.cpp

struct Run {
  std::uint32_t start, value;
};
struct Mapping {
  std::uint32_t from, offset, size;  // decomposed[offset, offset + size)
};
struct Pair {
  std::uint32_t first, second, composed;
};
struct Lower {
  std::uint32_t from, first, second;
};
extern const Run class_runs[], category_runs[], combining_runs[], grapheme_runs[], script_runs[];
extern const Mapping canonical[], compatible[];
extern const std::uint32_t decomposed[];
extern const Pair compositions[];
extern const Lower lower[];
extern const std::size_t class_runs_size, category_runs_size, combining_runs_size,
    grapheme_runs_size, script_runs_size, canonical_size, compatible_size, decomposed_size,
    compositions_size, lower_size;

}  // namespace tables
}  // namespace quatrain::unicode
