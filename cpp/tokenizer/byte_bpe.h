// Byte-level BPE at speed, for ids alone. Every byte has a token, so nothing is unknown and the
// tokens of a word are as long as it is.
//
// Three facts do the work. The merges within a stretch of text that no merge leaves come in the
// order in which they come when it stands alone. So a word can be cut wherever no token reaches
// across (cut_table.h). And tokens side by side are those of their whole text if every two
// neighbours are those of their own.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/cut_table.h"
#include "tokenizer/few_symbols.h"
#include "tokenizer/id_buffer.h"
#include "tokenizer/id_cache.h"
#include "tokenizer/pair_table.h"
#include "tokenizer/vocabulary.h"

namespace quatrain::tokenizer {

class ByteBpe {
 public:
  struct Options {
    bool keeps_words;    // a word that is a token stays whole, whatever the merges say
    bool ids_are_ranks;  // the merges are not given but found
  };
  // The vocabulary is in the byte-level alphabet; `byte_ids` are the tokens of the bytes.
  ByteBpe(const Vocabulary& vocabulary, const std::array<std::uint32_t, 256>& byte_ids,
          Options options, PairTable& merges);

  // Appends the ids of a word, which is not empty. Memory can be read up to `readable`.
  void encode(std::string_view word, const char* readable, IdCache& cache, IdBuffer& out) const;
  // The same for what is not cut any more: a word, or with part() a part of one.
  void encode_part(std::string_view word, std::uint8_t part, const char* readable, IdCache& cache,
                   IdBuffer& out) const;

  // Where words can be cut without changing their ids.
  const CutTable& cuts() const { return cuts_; }
  // What makes a part of a word another key than the word of its bytes, if that is another thing.
  std::uint8_t part() const { return keeps_words_ ? IdCache::kPart : 0; }

  // The bytes of a token of the model.
  std::string_view bytes(std::uint32_t id) const {
    return std::string_view(bytes_).substr(ends_[id], ends_[id + 1] - ends_[id]);
  }
  std::uint32_t size(std::uint32_t id) const { return ends_[id + 1] - ends_[id]; }

  // The token that is a whole word, if words are kept, or kNone.
  std::uint32_t find_word(std::string_view word) const;

 private:
  static constexpr std::size_t kShort = FewSymbols::kMost;  // bytes

  void read_tokens(const Vocabulary& vocabulary);
  void find_merges(const Vocabulary& vocabulary, PairTable& merges);
  void read_pairs();
  void index_words(const Vocabulary& vocabulary);

  // The same for a word that has this key, which the cache does not hold.
  void encode_new(const IdCache::Key& key, std::string_view word, IdCache& cache,
                  IdBuffer& out) const;
  void merge(std::string_view word, IdBuffer& out) const;
  void merge_at_once(std::string_view word, IdBuffer& out) const;
  // Up to kShort bytes. Writes the ids, for which there is room, and returns how many.
  std::size_t merge_short(std::string_view word, std::uint32_t* to) const;
  void merge_heap(std::string_view word, IdBuffer& out) const;
  // A long run of one byte; false if the word is none.
  bool merge_run(std::string_view word, IdBuffer& out) const;
  // Block after block; false if too much has to be done again.
  bool merge_blocks(std::string_view word, IdBuffer& out) const;
  bool join(std::size_t first, std::size_t middle, const char* seam, std::size_t& budget,
            IdBuffer& out) const;
  bool is_stable(std::uint32_t left, std::uint32_t right) const;

  const PairTable& merges_;
  const std::array<std::uint32_t, 256>& byte_ids_;
  bool keeps_words_;
  std::string bytes_;                 // of all tokens
  std::vector<std::uint32_t> ends_;   // token id's bytes are [ends_[id], ends_[id + 1])
  std::vector<std::uint32_t> pairs_;  // the ranks of all pairs of bytes
  std::vector<std::uint64_t> words_;  // hash and id + 1, if words are kept
  CutTable cuts_;
};

}  // namespace quatrain::tokenizer
