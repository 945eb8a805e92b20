// The symbols of a short word, which merge: the least of the ranks is sought again and again, which
// is quadratic, but fastest for a few.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "tokenizer/pair_table.h"

namespace quatrain::tokenizer {

class FewSymbols {
 public:
  static constexpr std::size_t kMost = 64;

  std::size_t size() const { return size_; }
  // The symbol goes behind the last, of at most kMost.
  void push(std::uint32_t id) {
    ids_[size_] = id;
    next_[size_] = static_cast<std::uint8_t>(size_ + 1);
    previous_[size_] = static_cast<std::uint8_t>(size_ - 1);
    ++size_;
  }
  std::uint32_t operator[](std::size_t i) const { return ids_[i]; }

  // Merges what there is, at least one symbol. rank(i): that of the symbols i and i + 1, or
  // PairTable::kNone.
  template <class Rank>
  void merge(const PairTable& merges, Rank rank) {
    const auto ordered = [&merges](std::uint32_t found, std::size_t place) {
      if (found == PairTable::kNone) return kNever;
      merges.prefetch_id(found);
      return std::uint64_t{found} << 32 | place;
    };
    for (std::size_t i = 0; i + 1 < size_; ++i) order_[i] = ordered(rank(i), i);
    order_[size_ - 1] = order_[size_] = kNever;
    while (true) {
      // One at a time: reading several at once would wait for the one just written.
      std::uint64_t even = kNever, odd = kNever;
      for (std::size_t i = 0; i < size_; i += 2) {
        even = std::min(even, order_[i]);
        odd = std::min(odd, order_[i + 1]);
      }
      const std::uint64_t least = std::min(even, odd);
      if (least == kNever) break;
      const auto at = static_cast<std::uint32_t>(least);
      const std::size_t gone = next_[at], behind = next_[gone];
      ids_[at] = merges.id(static_cast<std::uint32_t>(least >> 32));
      next_[at] = static_cast<std::uint8_t>(behind);
      previous_[behind] = static_cast<std::uint8_t>(at);
      order_[gone] = kNever;
      order_[at] = behind < size_ ? ordered(merges.find(ids_[at], ids_[behind]), at) : kNever;
      if (at > 0) {
        const std::size_t before = previous_[at];
        order_[before] = ordered(merges.find(ids_[before], ids_[at]), before);
      }
    }
  }

  // Calls take(id, begin, end) for what is left of [begin, end) of the symbols.
  template <class Take>
  void each(Take take) const {
    for (std::size_t i = 0; i < size_; i = next_[i]) take(ids_[i], i, std::size_t{next_[i]});
  }

 private:
  static constexpr std::uint64_t kNever = UINT64_MAX;

  std::size_t size_ = 0;
  std::array<std::uint64_t, kMost + 1> order_;  // rank and place of the pair that begins here
  std::array<std::uint32_t, kMost> ids_;
  std::array<std::uint8_t, kMost + 1> next_, previous_;
};

}  // namespace quatrain::tokenizer
