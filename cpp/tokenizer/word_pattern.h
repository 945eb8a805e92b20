// The regular expressions that byte-level tokenizers split words with, as parameters of one family:
//
//   (contraction) | (lead)?(word) | (digits) | (symbols) | (spaces)
//
// where each alternative has a few spellings. scan.h executes them.
#pragma once
#include <cstdint>

#include "tokenizer/categories.h"

namespace quatrain::tokenizer {

struct WordPattern {
  // Where 's 't 're 've 'm 'll 'd are cut: nowhere, before a word, in any case, or behind a word.
  enum class Contraction : std::uint8_t { kNone, kExact, kAnyCase, kSuffix };
  Contraction contraction = Contraction::kNone;
  // What may stand before a word: a space, or whatever is no letter, number or line break.
  bool any_lead = true;
  // What words are made of; cased ones end where a capital follows a small letter.
  std::uint8_t word = unicode::kLetters;
  bool cased = false;
  // How many digits stay together; 0 for all, and a space before them.
  std::uint8_t digits = 1;
  // What is no symbol, besides spaces.
  std::uint8_t ordinary = unicode::kLetters | unicode::kNumbers;
  // What belongs to the symbols before it: line breaks, and slashes.
  bool line_breaks = true;
  bool slashes = false;
  // Whether the spaces that end a text stay together, line breaks or not.
  bool end_whole = false;
};

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
inline constexpr WordPattern kGpt2{.contraction = WordPattern::Contraction::kExact,
                                   .any_lead = false,
                                   .digits = 0,
                                   .line_breaks = false};
// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
inline constexpr WordPattern kLlama3{.contraction = WordPattern::Contraction::kAnyCase,
                                     .digits = 3};
// The same with \s+\z before \s*[\r\n]+, as tiktoken has it.
inline constexpr WordPattern kCl100k{
    .contraction = WordPattern::Contraction::kAnyCase, .digits = 3, .end_whole = true};
// The same with \p{N}, and without \z.
inline constexpr WordPattern kQwen2{.contraction = WordPattern::Contraction::kAnyCase};
// The same with [\p{L}\p{M}]+ and  ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*.
inline constexpr WordPattern kQwen35{
    .contraction = WordPattern::Contraction::kAnyCase,
    .word = unicode::kLetters | unicode::kMarks,
    .ordinary = unicode::kLetters | unicode::kMarks | unicode::kNumbers};
// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|...)?|
// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|...)?|
// \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
inline constexpr WordPattern kO200k{
    .contraction = WordPattern::Contraction::kSuffix, .cased = true, .digits = 3, .slashes = true};
// The same without contractions, with \p{N}.
inline constexpr WordPattern kTekken{.cased = true, .slashes = true};

}  // namespace quatrain::tokenizer
