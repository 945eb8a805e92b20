// Strings by their bytes, for the longest one that begins at a place of a text.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/hash.h"

namespace quatrain::tokenizer {

class Trie {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The first value given to a string is kept.
  void insert(std::string_view string, std::uint32_t value) {
    std::uint32_t node = 0;
    for (const char byte : string) {
      if (const std::uint32_t* known = edges_.find(key(node, byte))) {
        node = *known;
      } else {
        const auto added = static_cast<std::uint32_t>(values_.size());
        edges_[key(node, byte)] = added;
        values_.push_back(kNone);
        node = added;
      }
    }
    if (values_[node] == kNone) values_[node] = value;
  }

  // The node behind a string.
  std::optional<std::uint32_t> walk(std::string_view string) const {
    std::uint32_t node = 0;
    for (const char byte : string) {
      const std::uint32_t* next = edges_.find(key(node, byte));
      if (!next) return std::nullopt;
      node = *next;
    }
    return node;
  }

  struct Match {
    std::uint32_t value = kNone;
    std::size_t end = 0;
  };
  // The longest non-empty string at text[at], read from `node` on.
  Match longest(std::string_view text, std::size_t at, std::uint32_t node = 0) const {
    return longest(text, at, node, [](const Match&) { return true; });
  }
  // The longest of those that `accept` accepts.
  template <class Accept>
  Match longest(std::string_view text, std::size_t at, std::uint32_t node, Accept accept) const {
    Match match;
    while (at < text.size()) {
      const std::uint32_t* next = edges_.find(key(node, text[at]));
      if (!next) break;
      node = *next;
      ++at;
      const Match found{values_[node], at};
      if (found.value != kNone && accept(found)) match = found;
    }
    return match;
  }

 private:
  static std::uint64_t key(std::uint32_t node, char byte) {
    return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
  }
  FlatMap<std::uint32_t> edges_;
  std::vector<std::uint32_t> values_{kNone};
};

}  // namespace quatrain::tokenizer
