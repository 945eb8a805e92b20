// Strings by their bytes, in one flat array (Aoe 1989): one array read per byte of text. Built
// once, then only read.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace quatrain::tokenizer {

class DoubleArray {
 public:
  static constexpr std::uint32_t kNone = (1u << 23) - 1;  // above every value
  using Entry = std::pair<std::string_view, std::uint32_t>;

  // Empty strings are left out; of equal ones the first counts. Raises TokenizerError for what is
  // too long to look for (sought.h), calling values ids.
  explicit DoubleArray(std::vector<Entry> entries);

  // Walks from the node (0: the root) along one byte, if any string goes on with it.
  bool step(std::uint32_t& node, char byte) const {
    const std::uint32_t c = static_cast<unsigned char>(byte);
    const std::uint32_t next = units_[node].base ^ c;
    if (units_[next].label != c) return false;
    node = next;
    return true;
  }
  // The value of the string that ends at the node, or kNone.
  std::uint32_t value(std::uint32_t node) const { return units_[node].value; }

  struct Match {
    std::uint32_t value = kNone;
    std::size_t end = 0;
  };
  // The longest string at text[at], read from `node` on.
  Match longest(std::string_view text, std::size_t at, std::uint32_t node = 0) const {
    return longest(text, at, node, [](const Match&) { return true; });
  }
  // The longest of those that are accepted.
  template <class Accept>
  Match longest(std::string_view text, std::size_t at, std::uint32_t node, Accept accept) const {
    Match match;
    while (at < text.size() && step(node, text[at])) {
      ++at;
      const Match found{value(node), at};
      if (found.value != kNone && accept(found)) match = found;
    }
    return match;
  }

 private:
  // A node's child along byte c is the unit base ^ c, if that unit's label is c. No two nodes share
  // a base, so a label tells whose child a unit is; 0 is the base of nodes without children.
  struct Unit {
    std::uint32_t base = 0;
    std::uint32_t label : 9 = kFree;
    std::uint32_t value : 23 = kNone;
  };
  static constexpr std::uint32_t kFree = 256, kRoot = 257;  // no byte
  class Builder;

  std::vector<Unit> units_;
};

}  // namespace quatrain::tokenizer
