// Flat hash tables for the hot path: open addressing, a power of two of slots, at most half full.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

namespace quatrain::tokenizer {

inline std::uint64_t mix(std::uint64_t a) {
  a ^= a >> 32;
  a *= 0x9E3779B97F4A7C15u;
  return a ^ a >> 29;
}

// Drawn when the process begins, so that nobody can make texts or files of which much has the same
// hash.
inline const std::uint64_t kHashKey = [] {
  std::random_device draw;
  return std::uint64_t{draw()} << 32 | draw();
}();

inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t key = kHashKey) {
  std::uint64_t state = key ^ bytes.size() * 0xD6E8FEB86659FD93u;
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; p += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    state = mix(state ^ word) * 0xA0761D6478BD642Fu;
  }
  std::uint64_t word = 0;
  if (left >= 4) {
    std::uint32_t first, last;  // which may have bytes in common
    std::memcpy(&first, p, 4);
    std::memcpy(&last, p + left - 4, 4);
    word = std::uint64_t{last} << 32 | first;
  } else if (left > 0) {
    const auto byte = [p](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(p[i])};
    };
    word = byte(left - 1) << 16 | byte(left / 2) << 8 | byte(0);
  }
  return mix(mix(state ^ word) * 0xA0761D6478BD642Fu);
}

// Brings memory near that will be looked at.
inline void prefetch([[maybe_unused]] const void* memory) {
#if defined(__GNUC__)
  __builtin_prefetch(memory);
#endif
}

// 64-bit key -> Value. The key ~0 is reserved.
template <class Value>
class FlatMap {
 public:
  explicit FlatMap(std::size_t expected = 0)
      : slots_(std::bit_ceil(expected * 2 + 2)), mask_(slots_.size() - 1) {}

  const Value* find(std::uint64_t key) const {
    for (std::size_t i = mix(key) & mask_;; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return &slots_[i].value;
      if (slots_[i].key == kEmpty) return nullptr;
    }
  }

  // The value of the key, made if it was not there.
  Value& operator[](std::uint64_t key) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t i = mix(key) & mask_;
    while (slots_[i].key != key && slots_[i].key != kEmpty) i = (i + 1) & mask_;
    if (slots_[i].key == kEmpty) {
      slots_[i].key = key;
      ++size_;
    }
    return slots_[i].value;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  void grow() {
    FlatMap larger(slots_.size());
    for (const Slot& slot : slots_) {
      if (slot.key != kEmpty) larger[slot.key] = slot.value;
    }
    *this = std::move(larger);
  }

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace quatrain::tokenizer
