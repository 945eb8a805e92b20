#include "tokenizer/scanners.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;
using unicode::ClassTable;

constexpr std::uint16_t kOrdinary = Class::kSpace | Class::kLetter | Class::kNumber;

// Skips characters of the given classes (or, negated, of none of them).
template <bool kNegated = false>
std::size_t skip(const ClassTable& classes, std::string_view text, std::size_t at,
                 std::uint16_t mask) {
  while (at < text.size()) {
    std::size_t next = at;
    if (((classes[unicode::decode(text, next)] & mask) != 0) == kNegated) break;
    at = next;
  }
  return at;
}

bool is_newline(char c) { return c == '\r' || c == '\n'; }

// 's 't 're 've 'm 'll 'd: the end of the contraction at text[at], or `at`.
std::size_t contraction(std::string_view text, std::size_t at, bool ignore_case) {
  if (text[at] != '\'') return at;
  const auto letter = [&](std::size_t i) {
    const char c = at + i < text.size() ? text[at + i] : '\0';
    return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
      (first == 'l' && second == 'l')) {
    return at + 3;
  }
  // The long s (U+017F) is the one other character that folds to a letter above.
  if (ignore_case && first == '\xC5' && second == '\xBF') return at + 3;
  return at;
}

// \s+(?!\S)|\s+ : a run of spaces leaves its last one to the word that follows.
std::size_t spaces(const ClassTable& classes, std::string_view text, std::size_t at) {
  const std::size_t end = skip(classes, text, at, Class::kSpace);
  if (end == text.size()) return end;
  std::size_t last = end;
  unicode::decode_before(text, last);
  return last > at ? last : end;
}

}  // namespace

std::size_t Gpt2Scanner::operator()(std::string_view text, std::size_t at) const {
  if (const std::size_t end = contraction(text, at, false); end != at) return end;
  std::size_t next = at;
  char32_t c = unicode::decode(text, next);
  if (c == ' ' && next < text.size()) c = unicode::decode(text, next);
  const std::uint16_t kind = classes_[c] & kOrdinary;
  if (kind & Class::kSpace) return spaces(classes_, text, at);
  return kind ? skip(classes_, text, next, kind) : skip<true>(classes_, text, next, kOrdinary);
}

std::size_t Llama3Scanner::operator()(std::string_view text, std::size_t at) const {
  if (const std::size_t end = contraction(text, at, true); end != at) return end;
  std::size_t next = at;
  const char32_t c = unicode::decode(text, next);
  const std::uint16_t kind = classes_[c] & kOrdinary;
  if (kind & Class::kLetter) return skip(classes_, text, next, Class::kLetter);
  if (kind & Class::kNumber) {
    for (int count = 1; count < digits_ && next < text.size(); ++count) {
      std::size_t after = next;
      if (!(classes_[unicode::decode(text, after)] & Class::kNumber)) break;
      next = after;
    }
    return next;
  }
  if (c != '\r' && c != '\n') {
    const std::size_t end = skip(classes_, text, next, Class::kLetter);
    if (end != next) return end;
  }
  std::size_t symbols = kind & Class::kSpace ? at + (c == ' ') : at;
  if (symbols != at || !(kind & Class::kSpace)) {
    const std::size_t end = skip<true>(classes_, text, symbols, kOrdinary);
    if (end != symbols) {
      symbols = end;
      while (symbols < text.size() && is_newline(text[symbols])) ++symbols;
      return symbols;
    }
  }
  // Spaces up to the last line break of the run, if it has one.
  for (std::size_t i = skip(classes_, text, at, Class::kSpace); i > at; --i) {
    if (is_newline(text[i - 1])) return i;
  }
  return spaces(classes_, text, at);
}

}  // namespace quatrain::tokenizer
