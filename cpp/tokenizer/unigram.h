// Unigram: the pieces of largest total score that spell the word (Kudo 2018), by Viterbi's search.
#pragma once
#include <array>
#include <cmath>
#include <span>

#include "tokenizer/double_array.h"
#include "tokenizer/model.h"

namespace quatrain::tokenizer {

class Unigram : public Model {
 public:
  explicit Unigram(const ModelSpec& spec);
  std::uint32_t wildcard() const override { return unk_.value_or(UINT32_MAX); }
  std::optional<std::uint32_t> unknown() const override { return unk_; }
  // The sums of two paths are rounded along what is before a part: if they are almost the same,
  // only that says which is larger.
  bool may_tie() const override { return true; }
  bool append_part(std::string_view part, double before, Workspace& workspace,
                   IdBuffer& out) const override;
  double score(double before, std::span<const std::uint32_t> ids) const override;

  // In sentencepiece, scores add up along a text, each sum rounded to float32: of two ways through
  // a part, what is before it may choose. As every way goes by the part's ends, all that matters
  // of what is before is the sum.
  const Unigram* unigram() const override { return this; }
  // Appends the ids of the next part of a text whose sum so far is `sum`, which goes on; whether
  // the part has these ids, none of them unknown, whatever the sum, as long as it stays().
  bool append_next(std::string_view part, float& sum, Workspace& workspace, IdBuffer& out) const;
  // Whether no such part leads to a sum at which the library starts from zero.
  static bool stays(float sum) { return std::abs(sum) < kLargeSum - kReach - 1; }
  // What the sum becomes behind a token.
  float add(float sum, std::uint32_t id) const {
    if (std::abs(sum) > kLargeSum) sum = 0;
    return sum + floats_[id];
  }

 private:
  void compute(std::string_view word, const IdSet* barred, Workspace& workspace,
               std::vector<Token>& out) const override;

  // Lets words be cut where no piece crosses, if ties are all that this could change.
  void set_boundaries(const ModelSpec& spec);

  struct Found {
    bool is_clear;  // no sums were almost the same
    bool is_plain;  // no unknown text is a piece
  };
  // Appends the tokens of a word, or of a part of one. `sum` is the score of what is before it,
  // then with it.
  Found find(std::string_view word, double& sum, const IdSet* barred, Workspace& workspace,
             std::vector<Token>& out) const;

  // Emits the best pieces from left to right: emit(id, begin, end). Float or double is the
  // precision in which the scores add up; the results may differ. Returns whether there was no tie.
  template <class Score, class Emit>
  bool search(std::string_view word, double& sum, const IdSet* barred, Workspace& workspace,
              Emit emit) const;

  // The tokens of the unknown text [begin, end) of the word; whether that is no piece.
  bool push_unknown(std::string_view word, const IdSet* barred, std::uint32_t begin,
                    std::uint32_t end, std::vector<Token>& out) const;

  DoubleArray pieces_;          // to ids; only those that a text may contain
  std::vector<double> scores_;  // by id
  std::vector<float> floats_;   // the same, if sums are as sentencepiece's
  double unknown_score_;        // of one unknown character
  std::optional<std::uint32_t> unk_;
  bool byte_fallback_, sentencepiece_;
  std::array<std::uint32_t, 256> fallback_;  // the tokens <0x00> to <0xFF>

  // sentencepiece starts again from zero when a sum grows beyond this.
  static constexpr float kLargeSum = 100000;
  static constexpr float kReach = 2000;  // of the ways through a part that may be sure
};

}  // namespace quatrain::tokenizer
