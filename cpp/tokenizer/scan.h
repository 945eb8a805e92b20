// Executes a WordPattern (word_pattern.h): finds the end of the match that begins at a place of a
// text; what is between two matches counts as one.
//
// ASCII runs are read many bytes at a time, wherever as many can be read.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/bytes.h"
#include "tokenizer/unicode.h"
#include "tokenizer/word_pattern.h"

namespace quatrain::tokenizer {

template <WordPattern P>
class Scan {
 public:
  // Bytes of the text up to `end` are scanned; those up to `readable` may be read.
  Scan(const char* end, const char* readable) : end_(end), readable_(readable) {}

  // The end of the match that begins at `at`, which is before the end.
  const char* next(const char* at) const {
    using enum WordPattern::Contraction;
    const char* word = at + (*at == ' ' && at + 1 < end_);
    if (is_letter(*word)) {
      if (const char* stop = ascii_word(word)) return stop;
    }
    if (*at == '\'' && (P.contraction == kExact || P.contraction == kAnyCase)) {
      const char* stop = contraction(at);
      if (stop != at) return stop;
    }
    return P.any_lead ? next_any_lead(at) : next_space_lead(at, word);
  }

  // The end of the contraction that begins at the apostrophe, or `at`.
  const char* contraction(const char* at) const {
    constexpr bool kAnyCase = P.contraction != WordPattern::Contraction::kExact;
    const auto letter = [&](std::ptrdiff_t i) {
      const char c = i < end_ - at ? at[i] : '\0';
      return kAnyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    };
    const char first = letter(1), second = letter(2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    if (second == 'e' && (first == 'r' || first == 'v')) return at + 3;
    if (first == 'l' && second == 'l') return at + 3;
    // The long s (U+017F) is the one other character that folds to a letter above.
    if (kAnyCase && first == '\xC5' && second == '\xBF') return at + 3;
    return at;
  }

 private:
  struct Char {
    std::uint8_t kind, size;
  };
  Char peek(const char* at) const {
    if (is_ascii(*at)) return {table_.ascii(*at), 1};
    std::size_t size = 0;
    const char32_t c = unicode::decode(std::string_view(at, 4), size);
    return {table_[c], static_cast<std::uint8_t>(size)};
  }

  // Skips characters of the given categories.
  const char* skip(const char* at, std::uint8_t kinds) const {
    while (at < end_) {
      const Char c = peek(at);
      if (!(c.kind & kinds)) break;
      at += c.size;
    }
    return at;
  }
  template <unsigned char low, unsigned char high, unsigned char fold>
  const char* skip_ascii(const char* at) const {
    return tokenizer::skip<low, high, fold>(at, end_, readable_);
  }

  // The end of a word that begins with an ASCII letter, or null if that is not simple to say.
  const char* ascii_word(const char* at) const {
    if constexpr (!P.cased) {
      const char* stop = skip_ascii<'a', 'z', 0x20>(at + 1);
      return stop < end_ && !is_ascii(*stop) ? skip(stop, P.word) : stop;
    } else {
      const char* small = *at < 'a' ? skip_ascii<'A', 'Z', 0>(at + 1) : at;
      const char* stop = skip_ascii<'a', 'z', 0>(small);
      if (stop < end_ && !is_ascii(*stop)) return nullptr;
      return suffix(stop);
    }
  }

  const char* suffix(const char* at) const {
    if (P.contraction != WordPattern::Contraction::kSuffix || at == end_ || *at != '\'') return at;
    return contraction(at);
  }

  const char* next_space_lead(const char* at, const char* word) const {
    const Char c = peek(word);
    if (c.kind & unicode::kSpaces) return spaces(at);
    if (c.kind & P.word) return skip(word, P.word);
    if (c.kind & unicode::kNumbers) return digits(word + c.size);
    return symbols(word);
  }

  const char* next_any_lead(const char* at) const {
    const Char c = peek(at);
    const char* behind = at + c.size;
    const bool can_lead = !(c.kind & P.no_lead) && !is_line_break(*at);
    if (P.ascii_lead && is_ascii(*at) && is_symbol(c.kind) && behind < end_ && is_letter(*behind)) {
      return skip_ascii<'a', 'z', 0x20>(behind);
    }
    if constexpr (P.cased) {
      if (const char* stop = cased_word(at, can_lead ? behind : nullptr)) return suffix(stop);
    } else {
      const char* stop = can_lead ? skip(behind, P.word) : behind;
      if (stop != behind) return stop;
      if (c.kind & P.word) return skip(behind, P.word);
    }
    if (is_symbol(c.kind)) return symbols(at);
    if (c.kind & unicode::kSpaces) {
      const bool leads = *at == ' ' && behind < end_ && is_symbol(peek(behind).kind);
      return leads ? symbols(behind) : spaces(at);
    }
    return P.symbols ? next_match(behind) : digits(behind);
  }

  // The end of the digits of which one is before `at`.
  const char* digits(const char* at) const {
    if constexpr (P.digits == 0) return skip(at, unicode::kNumbers);
    for (int count = 1; count < P.digits && at < end_; ++count) {
      const Char digit = peek(at);
      if (!(digit.kind & unicode::kNumbers)) break;
      at += digit.size;
    }
    return at;
  }

  // Where a match begins, with a lead or without, at or behind `at`.
  const char* next_match(const char* at) const {
    while (at < end_) {
      const Char c = peek(at);
      const char* behind = at + c.size;
      if (c.kind & (P.word | P.symbols | unicode::kSpaces)) break;
      if (behind < end_ && (peek(behind).kind & P.word)) break;
      at = behind;
    }
    return at;
  }

  // [Lu Lt Lm Lo M]*[Ll Lm Lo M]+ behind the lead, else at it; else with + and * exchanged.
  const char* cased_word(const char* at, const char* behind) const {
    constexpr std::uint8_t kBoth = unicode::kCaseless | unicode::kMarks;
    constexpr std::uint8_t kCapital = unicode::kUppercase | kBoth,
                           kSmall = unicode::kLowercase | kBoth;
    const char* capitals = nullptr;  // the end of the word if it is of capitals alone
    for (const char* begin : {behind, at}) {
      if (!begin || begin == end_) continue;
      const char* uncased = nullptr;  // the end of the last character that is of both kinds
      const char* stop = begin;
      while (stop < end_) {
        const Char c = peek(stop);
        if (!(c.kind & kCapital)) break;
        stop += c.size;
        if (c.kind & kBoth) uncased = stop;
      }
      const char* small = skip(stop, kSmall);
      if (small != stop) return small;
      if (uncased) return uncased;
      if (!capitals && stop != begin) capitals = stop;
    }
    return capitals;
  }

  const char* symbols(const char* at) const {
    while (at < end_) {
      const Char c = peek(at);
      if (!is_symbol(c.kind)) break;
      at += c.size;
    }
    if constexpr (P.joined_breaks) {
      while (at < end_ && (is_line_break(*at) || (P.slashes && *at == '/'))) ++at;
    }
    return at;
  }

  // A run of spaces: up to its last line break, if they count; else all but its last one, which
  // goes to what follows.
  const char* spaces(const char* at) const {
    const char* stop = at;
    const char* last = at;
    const char* line_break = nullptr;  // behind the last one
    while (stop < end_) {
      if (*stop == ' ') {  // indentation
        stop = skip_ascii<' ', ' ', 0>(stop + 1);
        last = stop - 1;
        continue;
      }
      const Char c = peek(stop);
      if (!(c.kind & unicode::kSpaces)) break;
      last = stop;
      stop += c.size;
      if (P.line_breaks && is_line_break(*last)) line_break = stop;
    }
    if (line_break && !(P.end_whole && stop == end_)) return line_break;
    return stop == end_ || last == at ? stop : last;
  }

  static bool is_ascii(char c) { return static_cast<signed char>(c) >= 0; }
  static bool is_symbol(std::uint8_t kind) {
    return P.symbols ? (kind & P.symbols) != 0 : !(kind & (P.ordinary | unicode::kSpaces));
  }
  static bool is_line_break(char c) { return c == '\r' || c == '\n'; }

  const unicode::CategoryTable& table_ = unicode::category_table();
  const char* end_;
  const char* readable_;
};

}  // namespace quatrain::tokenizer
