// Byte-pair merges of symbols, block after block: where two blocks meet, tokens are made anew until
// they are those of the whole. A text without an end to its words takes the time of many short
// ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tokenizer/pair_table.h"

namespace quatrain::tokenizer {

class BlockMerges {
 public:
  struct Token {
    std::uint32_t id;
    std::uint32_t first;  // of its symbols
  };

  // The symbols must outlive it.
  BlockMerges(const PairTable& merges, std::span<const std::uint32_t> symbols)
      : merges_(merges), symbols_(symbols) {}

  // Finds the tokens; false if too much would have to be done again.
  bool run();
  const std::vector<Token>& tokens() const { return tokens_; }

 private:
  static constexpr std::size_t kBlock = 32;  // symbols

  // The same for symbols that are few runs of the same.
  bool run_long();
  // Appends the tokens of up to FewSymbols::kMost symbols.
  void merge(std::size_t begin, std::size_t end, std::vector<Token>& out) const;
  // Mends the tokens on both sides of tokens_[middle], of which all others are as they should be.
  bool join(std::size_t middle, std::size_t end);
  // Whether the tokens of symbols that two tokens have are these two.
  bool is_stable(const Token& left, const Token& right, std::size_t end);

  const PairTable& merges_;
  std::span<const std::uint32_t> symbols_;
  std::vector<Token> tokens_, anew_, both_;
  std::size_t budget_ = 0;
};

}  // namespace quatrain::tokenizer
