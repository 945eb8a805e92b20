// Recently seen words and their ids. Bounded: a table that grows up to a size, so that a few words
// touch little memory, and a pool; when that is full, everything is forgotten. An entry is never
// longer than one word.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "tokenizer/bytes.h"

namespace quatrain::tokenizer {

class IdCache {
 public:
  static constexpr std::size_t kShort = 16;    // words up to this many bytes stand in the slot
  static constexpr std::size_t kLongest = 64;  // longer ones are not kept
  static constexpr std::size_t kFew = 3;       // ids up to this many stand in a short word's slot
  static constexpr std::uint8_t kPart = 0x80;

  struct Key {
    std::uint64_t low = 0, high = 0;  // the bytes of a short word, else a hash and nothing
    std::uint8_t size = 0;            // 0 in a free slot; with kPart for a part of a word, which
    bool operator==(const Key&) const = default;  // may have other ids than the word of its bytes
  };

  IdCache();

  // The key of 1 to 16 bytes, where 16 can be read. `part` is 0 or kPart.
  static Key short_key(const char* at, std::size_t size, std::uint8_t part) {
    // Read from a table: words are of 8 bytes and less or more as it comes, and no branch knows.
    static constexpr std::array<char, 2 * kShort> kMask = [] {
      std::array<char, 2 * kShort> mask{};
      std::fill_n(mask.begin(), kShort, '\xFF');
      return mask;
    }();
    const char* mask = kMask.data() + kShort - size;
    return {load8(at) & load8(mask), load8(at + 8) & load8(mask + 8),
            static_cast<std::uint8_t>(size | part)};
  }
  static Key long_key(std::string_view word, std::uint8_t part);

  using Ids = std::span<const std::uint32_t>;
  // The ids of a word, or none. Up to kFew of them are followed by readable memory for kFew.
  Ids find(const Key& key, std::string_view word) const {
    const Slot* slot = slots_.get() + place(key);
    for (std::size_t tries = 0; tries < kTries; ++tries, ++slot) {
      if (slot->low == key.low && slot->high == key.high && slot->size == key.size) {
        if (slot->count <= kFew && word.size() <= kShort) return {slot->ids.data(), slot->count};
        if (const std::uint32_t* ids = pooled(*slot, word)) return {ids, slot->count};
      }
      if (slot->size == 0) break;
    }
    return {};
  }
  // Brings the memory near that find() will look at.
  void prefetch(const Key& key) const {
#if defined(__GNUC__)
    __builtin_prefetch(slots_.get() + place(key));
#endif
  }
  void insert(const Key& key, std::string_view word, Ids ids);

  static std::size_t bytes();  // of memory, at most

 private:
  static constexpr int kFirstBits = 11, kLastBits = 17;
  static constexpr std::size_t kTries = 8, kPool = 1 << 18;
  struct Slot {
    std::uint64_t low, high;
    std::array<std::uint32_t, kFew> ids;  // of more, or of a long word: their place in the pool
    std::uint8_t size, count;
  };
  struct Free {
    void operator()(void* memory) const;
  };
  using Slots = std::unique_ptr<Slot[], Free>;

  static std::size_t slots(int bits) { return (std::size_t{1} << bits) + kTries; }
  std::size_t place(const Key& key) const {
    // The top bits of a product depend on all of its factor.
    return static_cast<std::size_t>(
        (key.low * 0x9E3779B97F4A7C15u + (key.high + key.size) * 0xD6E8FEB86659FD93u) >> shift_);
  }
  // The slot for a key that has none.
  Slot& free_slot(const Key& key);
  void grow();
  // The ids in the pool, if the bytes in front of them are the word's.
  const std::uint32_t* pooled(const Slot& slot, std::string_view word) const;
  void clear();

  int shift_ = 64 - kFirstBits;  // of a hash, which leaves the number of a slot
  Slots slots_;                  // zeroed pages, which cost nothing until they are touched
  std::unique_ptr<std::uint32_t[], Free> pool_;
  std::size_t size_ = 0, pool_size_ = 0, turn_ = 0;
};

}  // namespace quatrain::tokenizer
