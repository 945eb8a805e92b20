// Unigram training (Kudo 2018): from very many substrings to those whose loss costs the text's
// likelihood most, their probabilities estimated by expectation and maximization.
//
// It follows `sentencepiece` and `tokenizers`, with three differences that raise the likelihood:
// substrings to begin with are counted over the text, not over its distinct words; pieces are
// pruned by their loss down to the very end; and the estimates are of the final set of pieces.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/training/word_counts.h"

namespace quatrain::tokenizer {

struct UnigramTrainerSpec {
  std::size_t vocab_size = 8000;  // pieces to learn, besides those that are reserved
  std::vector<char32_t> initial_alphabet;
  std::size_t seed_size = 1'000'000;    // substrings to begin with
  std::uint32_t max_piece_length = 16;  // characters
  std::uint32_t sub_iterations = 2;     // of estimation, between two prunings
  double shrinking_factor = 0.75;       // of the pieces that a pruning keeps
};

// Pieces and the logarithms of their probabilities, which fall.
using UnigramTraining = std::vector<std::pair<std::string, double>>;

UnigramTraining train_unigram(const UnigramTrainerSpec& spec, std::span<const WordCount> words,
                              bool bytes, int threads, const Progress& progress);

}  // namespace quatrain::tokenizer
