// The rewriting rules inside a SentencePiece model, compiled: a double array (in the layout of
// Darts-clone) of the strings to replace, then what replaces them.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quatrain::tokenizer {

class Charsmap {
 public:
  // The bytes may come from anywhere: raises TokenizerError unless every walk along them is safe.
  explicit Charsmap(std::string_view bytes);

  struct Rule {
    std::size_t size = 0;  // of the replaced string, in bytes; 0: no rule
    std::string_view replacement;
  };
  // The rule of the shortest string, or of the longest, that the text begins with.
  Rule shortest(std::string_view text) const;
  Rule longest(std::string_view text) const;
  // Whether any rule's string begins with the byte.
  bool has_rule(char first) const { return has_rule_[static_cast<unsigned char>(first)]; }
  // Whether no rule is for a character of ASCII alone, or with a line feed behind it.
  bool keeps(char c) const { return keeps_[static_cast<unsigned char>(c)]; }
  // The characters that stand behind another in a rule's string, in ascending order; null if the
  // array has too many paths to tell.
  const std::vector<char32_t>* inner_characters() const { return inner_ ? &*inner_ : nullptr; }

 private:
  struct Unit {
    std::uint32_t bits;
    std::uint32_t label() const { return bits & (1u << 31 | 0xFF); }  // above 255: a value
    std::uint32_t value() const { return bits & ~(1u << 31); }
    bool has_leaf() const { return bits >> 8 & 1; }
    std::uint32_t offset() const { return (bits >> 10) << ((bits & 1u << 9) >> 6); }
  };
  class Graph;
  // Returns the bases where a character ends and another may follow.
  std::vector<std::uint32_t> check_units(const Graph& graph) const;
  void find_inner(const Graph& graph, const std::vector<std::uint32_t>& bases);
  template <class Found>
  void walk(std::string_view text, Found found) const;
  std::string_view replacement(std::uint32_t at) const;

  std::vector<Unit> units_;
  std::string replacements_;  // each ends in NUL
  std::array<bool, 256> has_rule_{};
  std::array<bool, 256> keeps_{};
  std::optional<std::vector<char32_t>> inner_;
};

}  // namespace quatrain::tokenizer
