// The regular expressions that byte-level tokenizers split words with, as parameters of one family:
//
//   (contraction) | (lead)?(word) | (digits) | (symbols) | (spaces)
//
// where each alternative has a few spellings. scan.h and window.h execute them.
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
  // What may not, besides line breaks, where all else may.
  std::uint8_t no_lead = unicode::kLetters | unicode::kNumbers;
  // Whether a punctuation mark of ASCII leads a word that is of ASCII letters only.
  bool ascii_lead = false;
  // What words are made of; cased ones end where a capital follows a small letter.
  std::uint8_t word = unicode::kLetters;
  bool cased = false;
  // How many digits stay together, 0 for all; and a space before them, if that is the lead.
  std::uint8_t digits = 1;
  // What is no symbol, besides spaces.
  std::uint8_t ordinary = unicode::kLetters | unicode::kNumbers;
  // If not 0, symbols are these alone. Digits, and what is nothing of all that, are then between
  // the matches.
  std::uint8_t symbols = 0;
  // Whether spaces are cut behind line breaks.
  bool line_breaks = true;
  // What belongs to the symbols before it: line breaks, and slashes.
  bool joined_breaks = true;
  bool slashes = false;
  // Whether the spaces that end a text stay together, line breaks or not.
  bool end_whole = false;
};

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
inline constexpr WordPattern kGpt2{.contraction = WordPattern::Contraction::kExact,
                                   .any_lead = false,
                                   .digits = 0,
                                   .line_breaks = false,
                                   .joined_breaks = false};
// 's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+, of texts without spaces.
inline constexpr WordPattern kClip{.contraction = WordPattern::Contraction::kExact,
                                   .any_lead = false,
                                   .line_breaks = false,
                                   .joined_breaks = false};
// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
inline constexpr WordPattern kLlama3{.contraction = WordPattern::Contraction::kAnyCase,
                                     .digits = 3};
// The same with \s+\z before \s*[\r\n]+, as tiktoken has it.
inline constexpr WordPattern kCl100k{
    .contraction = WordPattern::Contraction::kAnyCase, .digits = 3, .end_whole = true};
// The first with \p{N}+.
inline constexpr WordPattern kMiniCpm5{.contraction = WordPattern::Contraction::kAnyCase,
                                       .digits = 0};
// The first with \p{N}.
inline constexpr WordPattern kQwen2{.contraction = WordPattern::Contraction::kAnyCase};
// The same with [\p{L}\p{M}]+ and  ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*.
inline constexpr WordPattern kQwen35{
    .contraction = WordPattern::Contraction::kAnyCase,
    .word = unicode::kLetters | unicode::kMarks,
    .ordinary = unicode::kLetters | unicode::kMarks | unicode::kNumbers};
// kQwen2 with  ?[^\s\p{L}\p{N}\r\n]+.
inline constexpr WordPattern kSeedCoder{.contraction = WordPattern::Contraction::kAnyCase,
                                        .joined_breaks = false};
// kQwen2 without contractions.
inline constexpr WordPattern kUfakzeka{};
// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|...)?|
// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|...)?|
// \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
inline constexpr WordPattern kO200k{
    .contraction = WordPattern::Contraction::kSuffix, .cased = true, .digits = 3, .slashes = true};
// The same with \p{N}.
inline constexpr WordPattern kYoutu{
    .contraction = WordPattern::Contraction::kSuffix, .cased = true, .slashes = true};
// The same without contractions.
inline constexpr WordPattern kTekken{.cased = true, .slashes = true};
// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
//  ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
inline constexpr WordPattern kDeepSeek3{
    .no_lead = unicode::kLetters | unicode::kPunctuated | unicode::kSymbols,
    .ascii_lead = true,
    .word = unicode::kLetters | unicode::kMarks,
    .symbols = unicode::kPunctuated | unicode::kSymbols};

}  // namespace quatrain::tokenizer
