// What byte-pair training begins with: the alphabet, and words as sequences of its symbols.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/training/bpe_trainer.h"

namespace quatrain::tokenizer {

// Strings numbered in the order in which they came.
class Symbols {
 public:
  std::uint32_t add(std::string_view string);  // the id of a known string, or a new one
  const std::string& operator[](std::uint32_t id) const { return *strings_[id]; }
  bool has(const std::string& string) const { return ids_.contains(string); }
  std::size_t size() const { return strings_.size(); }

 private:
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::vector<const std::string*> strings_;  // the keys of ids_, which stay where they are
};

// The symbols of one word.
struct SymbolWord {
  std::size_t begin, end;  // in SymbolWords::ids
  std::uint64_t count;
};

struct SymbolWords {
  std::vector<std::uint32_t> ids;
  std::vector<SymbolWord> words;  // those of at least two symbols
};

// Adds the special tokens and the alphabet to `symbols`, and spells the words with them. Characters
// that `limit_alphabet` excludes vanish from their words.
SymbolWords spell_words(const BpeTrainerSpec& spec, std::span<const WordCount> words, bool bytes,
                        Symbols& symbols);

}  // namespace quatrain::tokenizer
