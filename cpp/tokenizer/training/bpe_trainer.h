// Byte-pair training: from characters, again and again, the most frequent pair of neighbours
// becomes a symbol (Sennrich et al. 2016). WordPiece vocabularies, as the peers train them, are
// made alike.
//
// The symbols and merges, in order, are those of `tokenizers`' BpeTrainer, which settles ties by
// the ids of the pair. Where its order is that of a hash table or heap, ours is defined:
// - with `limit_alphabet`, of equally frequent characters those of lower code point are kept;
// - characters with a prefix or suffix get their ids in the order of the characters;
// - where a pair is queued twice with one count, what was queued first is merged first.
// With `max_token_length`, a token that can be spelled in two ways (its prefix or suffix occurs in
// the text) has one length here, that of the last way, and two in the peer.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/training/word_counts.h"

namespace quatrain::tokenizer {

struct BpeTrainerSpec {
  std::size_t vocab_size = 30000;
  std::uint64_t min_frequency = 0;  // of a pair that may be merged
  std::vector<std::string> special_tokens;
  std::optional<std::size_t> limit_alphabet;  // the most characters to keep
  std::vector<char32_t> initial_alphabet;     // kept whether they are seen or not
  std::optional<std::string> continuing_subword_prefix;
  std::optional<std::string> end_of_word_suffix;
  std::optional<std::size_t> max_token_length;  // a merge makes tokens shorter than this, above 2
};

struct BpeTraining {
  std::vector<std::string> tokens;                              // by id
  std::vector<std::pair<std::uint32_t, std::uint32_t>> merges;  // ids of tokens, in order of rank
};

// With `bytes`, words are raw bytes and tokens spell them (byte_level.h).
BpeTraining train_bpe(const BpeTrainerSpec& spec, std::span<const WordCount> words, bool bytes,
                      const Progress& progress);

}  // namespace quatrain::tokenizer
