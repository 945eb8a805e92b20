// Every way to cut words into pieces, for a set of pieces that only shrinks.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tokenizer/training/substrings.h"

namespace quatrain::tokenizer {

class Lattice {
 public:
  static constexpr std::uint32_t kGone = UINT32_MAX;
  static constexpr std::uint32_t kMostPieces = 1 << 24;

  // Pieces are numbered as given; every character of the row is one of them.
  Lattice(const WordRow& row, const Substrings& substrings, std::span<const Substring> pieces);

  // Renumbers the pieces; those that become kGone are no part of any way from now on.
  void renumber(std::span<const std::uint32_t> ids);

  // How often each piece is expected in the text, if a way's probability is the product of its
  // pieces' (the E step; forward-backward). The sum does not depend on the number of threads.
  std::vector<double> expected_counts(std::span<const double> probabilities, int threads) const;

  // How often each piece stands in the best ways to cut the words.
  std::vector<std::uint64_t> best_counts(std::span<const double> scores, int threads) const;

  // The best way to cut a piece into others, given one place where it stands.
  std::vector<std::uint32_t> best_without(std::uint32_t piece, std::uint32_t place,
                                          std::uint32_t length,
                                          std::span<const double> scores) const;

 private:
  struct Arc {
    std::uint32_t piece : 24, length : 8;
  };
  struct Forward;

  std::span<const Arc> arcs(std::size_t place) const {
    return {arcs_.data() + first_arc_[place], first_arc_[place + 1] - first_arc_[place]};
  }
  void expect(std::size_t word, std::span<const double> probabilities, Forward& scratch,
              std::vector<std::int64_t>& counts) const;

  const WordRow& row_;
  std::size_t longest_ = 0;             // characters of a piece
  std::vector<std::size_t> first_arc_;  // by place
  std::vector<Arc> arcs_;               // shorter ones first
};

}  // namespace quatrain::tokenizer
