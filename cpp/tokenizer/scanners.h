// Hand-written scanners for the regular expressions that byte-level tokenizers split words with.
// Each returns the end of the match that begins at text[at]; the expressions match everywhere.
#pragma once
#include <cstddef>
#include <string_view>

#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
class Gpt2Scanner {
 public:
  std::size_t operator()(std::string_view text, std::size_t at) const;

 private:
  const unicode::ClassTable& classes_ = unicode::class_table();
};

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+      with at most `digits` in place of 3.
class Llama3Scanner {
 public:
  explicit Llama3Scanner(int digits) : digits_(digits) {}
  std::size_t operator()(std::string_view text, std::size_t at) const;

 private:
  const unicode::ClassTable& classes_ = unicode::class_table();
  int digits_;
};

}  // namespace quatrain::tokenizer
