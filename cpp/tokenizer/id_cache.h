// Recently seen words and their ids. Bounded: a table that grows up to a size, so that a few words
// touch little memory, and a pool; when that is full, everything is forgotten. An entry is never
// longer than one word.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/pages.h"
#include "tokenizer/bytes.h"

namespace quatrain::tokenizer {

class IdCache {
 public:
  static constexpr std::size_t kShort = 15;     // words up to this many bytes stand in the slot
  static constexpr std::size_t kRead = 16;      // bytes that are read to make a short word's key
  static constexpr std::size_t kLongest = 127;  // longer ones are not kept
  static constexpr std::size_t kFew = 3;        // ids up to this many stand in a short word's slot
  static constexpr std::uint8_t kPart = 0x80;

  // The bytes of a short word, else a hash; in the last byte their number, with kPart for a part
  // of a word, which may have other ids than the word of its bytes.
  struct Key {
    std::uint64_t low = 1, high = 0;  // what no slot has
    bool is_none() const { return high == 0; }
    bool is_part() const { return high >> 56 & kPart; }
    bool operator==(const Key&) const = default;

    // The top bits of a product depend on all of its factor.
    std::uint64_t hash() const { return low * 0x9E3779B97F4A7C15u + high * 0xD6E8FEB86659FD93u; }
  };
  using Ids = std::span<const std::uint32_t>;

  // What the cache has of a word.
  struct Slot {
    Key key;                              // all zero in a free slot
    std::array<std::uint32_t, kFew> ids;  // of more, or of a long word: their place in the pool
    std::uint32_t count;                  // above kFew if they are in the pool

    // Whether this is the word, and has its ids here.
    bool holds(const Key& word) const { return key == word && count <= kFew; }
  };

  IdCache();

  // The key of 1 to kShort bytes, where kRead can be read. `part` is 0 or kPart.
  static Key short_key(const char* at, std::size_t size, std::uint8_t part) {
    // Read from a table: words are of 8 bytes and less or more as it comes, and no branch knows.
    static constexpr std::array<char, 2 * kRead> kMask = [] {
      std::array<char, 2 * kRead> mask{};
      std::fill_n(mask.begin(), kRead, '\xFF');
      return mask;
    }();
    const char* mask = kMask.data() + kRead - size;
    return {load8(at) & load8(mask),
            (load8(at + 8) & load8(mask + 8)) | std::uint64_t{size | part} << 56};
  }
  static Key long_key(std::string_view word, std::uint8_t part);
  // The key of any word, where memory can be read up to `readable`; none if it is too long.
  static Key key(std::string_view word, std::uint8_t part, const char* readable) {
    if (word.size() > kLongest) return {};
    if (word.size() > kShort) return long_key(word, part);
    if (readable - word.data() >= static_cast<std::ptrdiff_t>(kRead)) {
      return short_key(word.data(), word.size(), part);
    }
    std::array<char, kRead> copy{};
    word.copy(copy.data(), word.size());
    return short_key(copy.data(), word.size(), part);
  }

  // The ids of a word, or none. Up to kFew of them are followed by readable memory for kFew.
  Ids find(const Key& key, std::string_view word) const {
    const Slot* slot = home(key.hash());
    for (std::size_t tries = 0; tries < kTries; ++tries, ++slot) {
      if (slot->key == key) {
        if (slot->count <= kFew) return {slot->ids.data(), slot->count};
        if (word.size() <= kShort) return pooled(*slot);
        if (const Ids ids = pooled(*slot, word); !ids.empty()) return ids;
      }
      if (slot->key.is_none()) break;
    }
    return {};
  }
  // The slot where a key is most likely to be, if it is anywhere: of the two that are near.
  const Slot& likely(const Key& key, std::uint64_t hash) const {
    const Slot* two = home(hash);
    return two[two[1].key == key];
  }
  // The ids of a short word that are in the pool.
  Ids pooled(const Slot& slot) const { return {pool_ + slot.ids[0], slot.count - kPooled}; }
  // Brings the memory near that find() will look at.
  void prefetch(std::uint64_t hash) const {
#if defined(__GNUC__)
    __builtin_prefetch(home(hash));
#endif
  }
  void insert(const Key& key, std::string_view word, Ids ids);

  static std::size_t bytes();  // of memory, at most

 private:
  static constexpr int kFirstBits = 10, kLastBits = 16;
  static constexpr int kGrowth = 3;  // bits at a time
  static constexpr std::size_t kTries = 8, kPool = 1 << 18;
  static constexpr std::uint32_t kPooled = 1 << 16;  // added to the count of those in the pool

  static std::size_t slots(int shift) { return (std::size_t{2} << (64 - shift)) + kTries; }
  // Two slots share what memory brings near at once.
  Slot* home(std::uint64_t hash) const { return slots_ + 2 * (hash >> shift_); }
  // The slot for a key that has none.
  Slot& free_slot(const Key& key);
  void grow();
  // The ids of a long word, if the bytes in front of them are the word's.
  Ids pooled(const Slot& slot, std::string_view word) const;
  void clear();

  int shift_;  // of a hash, which leaves the number of a pair of slots
  Pages pages_, pool_pages_;
  Slot* slots_;          // in pages_
  std::uint32_t* pool_;  // in pool_pages_
  std::size_t size_ = 0, pool_size_ = 0, turn_ = 0;
};

}  // namespace quatrain::tokenizer
