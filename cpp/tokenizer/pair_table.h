// The merges: which pairs of tokens join, in which order, into which token.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "core/check.h"
#include "tokenizer/hash.h"

namespace quatrain::tokenizer {

// (left, right) -> rank, eight bytes a slot: open addressing with the pair and its rank in one
// word. In front of it a bitmap, small enough to stay near, answers for most pairs that do not
// join.
class PairTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr int kRankBits = 24;  // at most

  // For at most as many merges as ranks, of ids below `end_id`. If `ids_are_ranks`, every merge's
  // rank is the id that it makes, which saves a look.
  PairTable(std::size_t ranks, std::uint32_t end_id, bool ids_are_ranks)
      : id_bits_(std::bit_width(end_id)), rank_bits_(std::min(kRankBits, 64 - 2 * id_bits_)) {
    check<TokenizerError>(ranks < std::size_t{1} << rank_bits_, "model.merges", "found ", ranks,
                          " merges, expected fewer than ", std::size_t{1} << rank_bits_);
    if (!ids_are_ranks) ids_.resize(ranks);
  }
  // Makes room for as many pairs; to be called before the first is added.
  void reserve(std::size_t pairs) {
    slots_.assign(std::bit_ceil(pairs * 3 / 2 + 2), kEmpty);
    joins_.assign(std::bit_ceil(pairs / 16 + 1), 0);
  }

  // Brings the memory near in which add() will write.
  void prefetch(std::uint32_t left, std::uint32_t right) const {
    tokenizer::prefetch(&slots_[place(to_hash(to_key(left, right)))]);
  }
  // The pair joins as `id`. Of a pair added twice the last counts.
  void add(std::uint32_t left, std::uint32_t right, std::uint32_t rank, std::uint32_t id) {
    const std::uint64_t key = to_key(left, right), hash = to_hash(key);
    std::size_t i = place(hash);
    while (slots_[i] != kEmpty && slots_[i] >> rank_bits_ != key) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = key << rank_bits_ | rank;
    joins_[hash >> 6 & (joins_.size() - 1)] |= std::uint64_t{1} << (hash & 63);
    if (!ids_.empty()) ids_[rank] = id;
  }

  // The rank of a pair, or kNone.
  std::uint32_t find(std::uint32_t left, std::uint32_t right) const {
    const std::uint64_t key = to_key(left, right), hash = to_hash(key);
    if (!(joins_[hash >> 6 & (joins_.size() - 1)] >> (hash & 63) & 1)) return kNone;
    for (std::size_t i = place(hash);; i = (i + 1) & (slots_.size() - 1)) {
      const std::uint64_t slot = slots_[i];
      if (slot >> rank_bits_ == key) {
        return static_cast<std::uint32_t>(slot & ((std::uint64_t{1} << rank_bits_) - 1));
      }
      if (slot == kEmpty) return kNone;
    }
  }

  // Brings the memory near that id() reads.
  void prefetch_id(std::uint32_t rank) const {
    if (!ids_.empty()) tokenizer::prefetch(&ids_[rank]);
  }
  // The token that the merge of a rank makes.
  std::uint32_t id(std::uint32_t rank) const { return ids_.empty() ? rank : ids_[rank]; }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: ids are below end_id
  static inline const std::uint64_t kMultiplier = kHashKey | 1;

  std::uint64_t to_key(std::uint32_t left, std::uint32_t right) const {
    return std::uint64_t{left} << id_bits_ | right;
  }
  static std::uint64_t to_hash(std::uint64_t key) { return key * kMultiplier >> 20; }
  std::size_t place(std::uint64_t hash) const {
    return static_cast<std::size_t>(hash >> 8) & (slots_.size() - 1);
  }

  int id_bits_, rank_bits_;
  std::vector<std::uint64_t> slots_ = {kEmpty};
  std::vector<std::uint64_t> joins_ = {0};  // a bit is set if a pair of its hash may join
  std::vector<std::uint32_t> ids_;          // by rank
};

}  // namespace quatrain::tokenizer
