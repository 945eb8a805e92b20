// Byte-pair encoding: the adjacent pair of lowest rank is merged until none is known
// (Sennrich et al. 2016; over bytes, Radford et al. 2019).
#pragma once
#include <array>

#include "tokenizer/byte_bpe.h"
#include "tokenizer/model.h"
#include "tokenizer/pair_table.h"

namespace quatrain::tokenizer {

class Bpe : public Model {
 public:
  Bpe(const ModelSpec& spec, bool bytes);
  std::optional<std::uint32_t> unknown() const override { return unk_; }
  const ByteBpe* byte_bpe() const override { return byte_bpe_ ? &*byte_bpe_ : nullptr; }
  const std::array<std::uint32_t, 256>* byte_ids() const override {
    return boundaries_ && byte_fallback_ ? &fallback_ : nullptr;
  }

 private:
  static constexpr std::uint32_t kNone = PairTable::kNone;

  // Whether every character has a token, or else every byte of it.
  bool spells_all() const;
  // Lets words be cut where no merge crosses, if that cannot change how they are read.
  void set_boundaries(const ModelSpec& spec, const IdSet& merged);

  // Returns the tokens that take part in merges.
  IdSet read_merges(const ModelSpec& spec);
  // The tables for bytes alone, if every byte has a token.
  void prepare_bytes(const ModelSpec& spec);

  bool append_part(std::string_view part, double before, Workspace& workspace,
                   IdBuffer& out) const override;
  void compute(std::string_view word, const IdSet* barred, Workspace& workspace,
               std::vector<Token>& out) const override;

  // Whether every byte of the word has a token; if so, they are the symbols.
  bool start_from_bytes(std::string_view word, const IdSet* barred, Workspace& workspace) const;
  // The general start, over characters: unknown ones, prefixes and suffixes.
  void start_from_characters(std::string_view word, const IdSet* barred,
                             Workspace& workspace) const;

  bool merge_blocks(Workspace& workspace) const;  // false, with nothing done, if a heap is better
  void merge_long(const IdSet* barred, Workspace& workspace) const;  // a heap: n log n

  std::optional<std::uint32_t> find_word(std::string_view word) const;

  PairTable merges_{0, 1, true};
  std::optional<ByteBpe> byte_bpe_;
  bool bytes_;
  // The token of a byte in the middle of a word (0), first (1), last (2), or alone (3).
  std::array<std::array<std::uint32_t, 256>, 4> byte_tokens_;
  std::array<std::uint32_t, 256> fallback_;   // the tokens <0x00> to <0xFF>
  std::vector<std::uint32_t> character_ids_;  // with boundaries: see Vocabulary
  Vocabulary
      words_;  // with ignore_merges, but for bytes alone: whole words, as the model sees them
  std::string prefix_, suffix_;
  std::optional<std::string> unk_token_;
  std::optional<std::uint32_t> unk_;
  bool fuse_unk_, byte_fallback_, ignore_merges_;
};

}  // namespace quatrain::tokenizer
