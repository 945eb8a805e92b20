#include "tokenizer/graphemes.h"

#include "tokenizer/unicode.h"

namespace quatrain::unicode {
namespace {

using Break = GraphemeBreak;

struct Properties {
  Break kind;
  bool is_pictograph;
  Conjunct conjunct;
};

Properties properties(char32_t c) {
  static const ClassTable table(tables::grapheme_runs, tables::grapheme_runs_size);
  const std::uint16_t value = table[c];
  auto kind = static_cast<Break>(value & 15);
  if (kind == Break::kLv && (c - 0xAC00) % 28 != 0) kind = Break::kLvt;
  return {kind, (value & 16) != 0, static_cast<Conjunct>(value >> 5)};
}

// The rules that look no further back than one character; the others are in the loop below.
bool joins(Break left, Break right) {
  const auto is_control = [](Break kind) {
    return kind == Break::kControl || kind == Break::kCr || kind == Break::kLf;
  };
  if (left == Break::kCr && right == Break::kLf) return true;                // GB3
  if (is_control(left) || is_control(right)) return false;                   // GB4, GB5
  if (right == Break::kExtend || right == Break::kZwj) return true;          // GB9
  if (right == Break::kSpacingMark || left == Break::kPrepend) return true;  // GB9a, GB9b
  const bool begins_vowel = right == Break::kV || right == Break::kT;
  switch (left) {  // GB6 to GB8: Hangul
    case Break::kL:
      return right == Break::kL || right == Break::kV || right == Break::kLv ||
             right == Break::kLvt;
    case Break::kLv:
    case Break::kV:
      return begins_vowel;
    case Break::kLvt:
    case Break::kT:
      return right == Break::kT;
    default:
      return false;
  }
}

}  // namespace

bool stands_apart(char32_t c) {
  switch (properties(c).kind) {
    case Break::kOther:
    case Break::kCr:
    case Break::kLf:
    case Break::kControl:
    case Break::kLv:
    case Break::kLvt:
      return true;
    default:
      return false;
  }
}

std::size_t grapheme_end(std::string_view text, std::size_t at) {
  Properties left = properties(decode(text, at));
  bool is_flag = left.kind == Break::kRegional;  // an odd number of regional indicators
  // How much of GB9c (consonant, linker) and of GB11 (pictograph, joiner) stands before `at`.
  int conjunct = left.conjunct == Conjunct::kConsonant, emoji = left.is_pictograph;
  while (at < text.size()) {
    std::size_t next = at;
    const Properties right = properties(decode(text, next));
    const bool is_joined =
        joins(left.kind, right.kind) || (conjunct == 2 && right.conjunct == Conjunct::kConsonant) ||
        (emoji == 2 && right.is_pictograph) || (is_flag && right.kind == Break::kRegional);
    if (!is_joined) break;
    if (right.conjunct == Conjunct::kConsonant) {
      conjunct = 1;
    } else if (right.conjunct == Conjunct::kLinker && conjunct > 0) {
      conjunct = 2;
    } else if (right.conjunct != Conjunct::kExtend) {
      conjunct = 0;
    }
    if (right.is_pictograph) {
      emoji = 1;
    } else if (right.kind == Break::kZwj && emoji == 1) {
      emoji = 2;
    } else if (right.kind != Break::kExtend || emoji == 2) {
      emoji = 0;
    }
    is_flag = right.kind == Break::kRegional && !is_flag;
    left = right;
    at = next;
  }
  return at;
}

}  // namespace quatrain::unicode
