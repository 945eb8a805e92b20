// Where words may end, by the two bytes around a place, for 64 places at once.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tokenizer/bytes.h"

namespace quatrain::tokenizer {

class StopTable {
 public:
  static constexpr std::size_t kPlaces = 64;

  // At first, a word may end between any two.
  StopTable() : stops_(1 << 16, 1) {}
  void set(unsigned char left, unsigned char right, bool is_stop) {
    stops_[index(left, right)] = is_stop;
  }

  // A bit for each place from `at` on, before which there is a byte, too. The end is a stop.
  std::uint64_t look(const char* at, const char* end) const {
    std::array<char, kPlaces> stops;
    const auto size = static_cast<std::size_t>(end - at);
    if (size >= kPlaces) [[likely]] {
      for (std::size_t i = 0; i < kPlaces; ++i) stops[i] = stop(at + i);
    } else {
      stops.fill(1);
      for (std::size_t i = 0; i < size; ++i) stops[i] = stop(at + i);
    }
    return places<1, 1>(stops.data());
  }

 private:
  static std::size_t index(unsigned char left, unsigned char right) {
    return left | std::size_t{right} << 8;
  }
  char stop(const char* at) const {
    return stops_[index(static_cast<unsigned char>(at[-1]), static_cast<unsigned char>(at[0]))];
  }

  std::vector<char> stops_;
};

// The stops of a text that begins at `text`.
class Stops {
 public:
  Stops(const StopTable& table, const char* text) : table_(table), text_(text) {}

  // The first at `at` or behind it. There is a character before. The end is always the same.
  const char* next(const char* at, const char* end) {
    while (true) {
      const std::size_t place = static_cast<std::size_t>(at - text_) - first_;
      if (place < StopTable::kPlaces) {
        const std::uint64_t ahead = stops_ >> place;
        if (ahead) return at + std::countr_zero(ahead);
        at += StopTable::kPlaces - place;
      }
      stops_ = table_.look(at, end);
      first_ = static_cast<std::size_t>(at - text_);
    }
  }

 private:
  const StopTable& table_;
  const char* text_;
  std::size_t first_ = 0 - StopTable::kPlaces;  // the place of the first of stops_
  std::uint64_t stops_ = 0;
};

}  // namespace quatrain::tokenizer
