// The substrings of words that occur more than once, from their sorted suffixes.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/training/word_counts.h"

namespace quatrain::tokenizer {

// All words in a row, each followed by a seam.
struct WordRow {
  static constexpr char32_t kSeam = 0xFFFFFFFF;

  // With `bytes`, words are raw bytes, and the row has the characters that spell them.
  WordRow(std::span<const WordCount> words, bool bytes);

  std::u32string_view word(std::size_t index) const {
    return std::u32string_view(characters).substr(starts[index], sizes[index]);
  }

  std::u32string characters;
  std::vector<std::uint32_t> starts, sizes;  // of words
  std::vector<std::uint64_t> counts;
};

// A string and where it occurs in the row: at places[first] to places[first + places - 1].
struct Substring {
  std::uint32_t first, places;
  std::uint32_t length;  // characters
  std::uint64_t count;   // occurrences in the text, which repeats words
};

struct Substrings {
  std::vector<std::uint32_t> places;  // of suffixes, sorted by their characters
  std::vector<Substring> characters;  // every single character
  std::vector<Substring> longer;      // by falling count x length
};

// Characters, and at most `most` strings of 2 to `longest` characters that occur more than once and
// that no longer string stands for: each is followed by different characters, or by an end. Those
// that cover most of the text (count x length) are chosen. Time is n log n in the characters, for
// no more than `longest` of a suffix are compared.
Substrings find_substrings(const WordRow& row, std::uint32_t longest, std::size_t most, int threads,
                           const Progress& progress);

}  // namespace quatrain::tokenizer
