// The merges of a SentencePiece BPE model as pairs of tokens, which long words can be merged with
// block after block.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "tokenizer/hash.h"
#include "tokenizer/pair_table.h"
#include "tokenizer/vocabulary.h"

namespace quatrain::tokenizer {

class PieceMerges {
 public:
  // Of the pieces with these ids, the best first, no two of which are equally good.
  PieceMerges(const Vocabulary& vocabulary, const std::vector<std::uint32_t>& pieces);

  // Calls take(id, begin, end) for the tokens of bytes [begin, end) of a word, from left to right;
  // the id is kNone for a character that is no piece. False, and no call, if too much would have
  // to be done again.
  static constexpr std::uint32_t kNone = PairTable::kNone;
  using Take = std::function<void(std::uint32_t id, std::uint32_t begin, std::uint32_t end)>;
  bool merge(std::string_view word, const Take& take) const;

 private:
  // The id of a character, or a number above those of all tokens.
  std::uint32_t number(char32_t character) const {
    const std::uint32_t* found = characters_.find(character);
    return found ? *found - 1 : end_id_;
  }

  std::uint32_t end_id_;               // stands for all characters that are in no piece
  FlatMap<std::uint32_t> characters_;  // those of pieces: their numbers, and 1
  PairTable merges_;
};

}  // namespace quatrain::tokenizer
