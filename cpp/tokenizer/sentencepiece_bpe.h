// Byte-pair encoding as the sentencepiece library computes it: two neighbours merge if what they
// spell is a piece, the one of largest score first. There is no list of merges.
#pragma once
#include <array>
#include <mutex>
#include <optional>

#include "tokenizer/double_array.h"
#include "tokenizer/model.h"
#include "tokenizer/piece_merges.h"

namespace quatrain::tokenizer {

class SentencePieceBpe : public Model {
 public:
  explicit SentencePieceBpe(const ModelSpec& spec);
  std::uint32_t wildcard() const override { return unk_.value_or(UINT32_MAX); }
  std::optional<std::uint32_t> unknown() const override { return unk_; }
  const std::array<std::uint32_t, 256>* byte_ids() const override {
    return byte_fallback_ ? &fallback_ : nullptr;
  }

 private:
  void compute(std::string_view word, const IdSet* barred, Workspace& workspace,
               std::vector<Token>& out) const override;

  using Kind = ModelSpec::PieceKind;
  // A piece that a text may contain.
  std::optional<std::uint32_t> find(std::string_view text, const IdSet* barred) const;
  // The merges of long words, if pairs of tokens can say what merges.
  const PieceMerges* merges() const;
  void push_unknown(std::string_view word, std::uint32_t begin, std::uint32_t end,
                    std::vector<Token>& out) const;

  std::vector<Kind> kinds_;           // by id
  std::vector<std::int32_t> scores_;  // by id, as integers of the same order
  DoubleArray user_defined_;
  std::optional<std::uint32_t> unk_;
  std::array<std::uint32_t, 256> fallback_;  // the tokens <0x00> to <0xFF>
  bool byte_fallback_;
  mutable std::once_flag once_;  // long words are few: the first finds the merges
  mutable std::optional<PieceMerges> merges_;
};

}  // namespace quatrain::tokenizer
