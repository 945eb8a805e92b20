#include "tokenizer/charsmap.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/check.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr const char* kWhere = "precompiled_charsmap";
constexpr std::uint32_t kBlock = 256;
// In bytes, far above real rules: a text is read as far as this from each of its characters.
constexpr std::uint32_t kLongestRule = 256;
constexpr std::size_t kLongestReplacement = 256;
constexpr std::size_t kMostInner = 1 << 18;  // steps to find them, far above real rules

std::uint32_t read_little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

}  // namespace

// The units that follow a node, by its base.
class Charsmap::Graph {
 public:
  explicit Graph(const std::vector<Unit>& units)
      : first_(units.size() + 1), children_(units.size()) {
    const auto size = static_cast<std::uint32_t>(units.size());
    // A unit labelled c is a child of the nodes whose base is the unit's place ^ c.
    const auto is_child = [&](std::uint32_t i) {
      return i > 0 && units[i].label() > 0 && units[i].label() < 256;
    };
    for (std::uint32_t i = 0; i < size; ++i) {
      if (is_child(i)) ++first_[(i ^ units[i].label()) + 1];
    }
    for (std::uint32_t base = 0; base < size; ++base) first_[base + 1] += first_[base];
    std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
    for (std::uint32_t i = 0; i < size; ++i) {
      if (is_child(i)) children_[next[i ^ units[i].label()]++] = i;
    }
  }
  std::span<const std::uint32_t> children(std::uint32_t base) const {
    return {children_.data() + first_[base], children_.data() + first_[base + 1]};
  }

 private:
  std::vector<std::uint32_t> first_, children_;
};

Charsmap::Charsmap(std::string_view bytes) {
  check<TokenizerError>(bytes.size() > 4, kWhere, "found ", bytes.size(),
                        " bytes, expected a size, an array and replacements");
  const std::uint32_t size = read_little_endian(bytes, 0);
  check<TokenizerError>(size > 0 && size % (4 * kBlock) == 0 && size < bytes.size() - 4, kWhere,
                        "found an array of ", size, " bytes, expected a multiple of ", 4 * kBlock,
                        " and less than the ", bytes.size() - 4, " that follow");
  units_.reserve(size / 4);
  for (std::size_t at = 0; at < size; at += 4)
    units_.push_back({read_little_endian(bytes, 4 + at)});
  replacements_ = bytes.substr(4 + size);
  check<TokenizerError>(replacements_.back() == '\0', kWhere,
                        "expected a NUL at the end of the replacements");
  check<TokenizerError>(unicode::is_valid(replacements_), kWhere,
                        "the replacements are not valid UTF-8");
  const Graph graph(units_);
  find_inner(graph, check_units(graph));
  for (std::uint32_t c = 1; c < 256; ++c) {
    has_rule_[c] = units_[units_[0].offset() ^ c].label() == c;
  }
  for (char c = 0; c < 0x7F; ++c) {
    const std::array<char, 2> text{c, '\n'};
    keeps_[static_cast<unsigned char>(c)] = shortest({text.data(), text.size()}).size == 0;
  }
}

// Walks every path once. Nodes with the same base share what follows (the array is a graph, not a
// tree), so a base stands for them; what leads back to a base on the way to it is a cycle.
std::vector<std::uint32_t> Charsmap::check_units(const Graph& graph) const {
  const auto size = static_cast<std::uint32_t>(units_.size());
  enum class Visit : std::uint8_t { kNone, kOpen, kDone };
  struct Node {
    Visit visit = Visit::kNone;
    std::uint8_t missing = 0;  // bytes of a character begun, to come
    std::uint32_t seen = 0;    // children
    std::uint32_t height = 0;  // of what follows, in bytes
  };
  std::vector<Node> nodes(size);  // by base
  std::vector<std::uint32_t> path, ends;
  // Checks one node and, if nobody has, begins with what follows it.
  const auto visit = [&](std::uint32_t unit, std::uint8_t missing) {
    const std::uint32_t base = unit ^ units_[unit].offset();
    check<TokenizerError>(base < size, kWhere, "unit ", unit, " leads to unit ", base,
                          ", beyond the ", size, " there are");
    if (units_[unit].has_leaf()) {
      const std::uint32_t value = units_[base].value();
      check<TokenizerError>(units_[base].label() > 255 && value < replacements_.size() &&
                                !unicode::is_continuation(replacements_[value]),
                            kWhere, "unit ", base, " is no place of a replacement");
      const std::string_view from = std::string_view(replacements_).substr(value);
      check<TokenizerError>(
          from.substr(0, kLongestReplacement + 1).find('\0') != std::string_view::npos, kWhere,
          "the replacement at byte ", value, " has more than ", kLongestReplacement, " bytes");
      check<TokenizerError>(unit > 0 && missing == 0, kWhere, "the rule of unit ", base,
                            " replaces a part of a character");
    }
    Node& node = nodes[base];
    check<TokenizerError>(node.visit != Visit::kOpen, kWhere, "unit ", unit, " leads back to unit ",
                          base);
    check<TokenizerError>(node.visit == Visit::kNone || node.missing == missing, kWhere, "unit ",
                          unit, " is reached by bytes that are not UTF-8");
    if (node.visit == Visit::kDone) return;
    node.visit = Visit::kOpen;
    node.missing = missing;
    path.push_back(base);
    if (missing == 0 && unit > 0 && !graph.children(base).empty()) ends.push_back(base);
  };
  visit(0, 0);
  while (!path.empty()) {
    const std::uint32_t base = path.back();
    const auto children = graph.children(base);
    Node& node = nodes[base];
    if (node.seen > 0) {  // one child is behind
      const std::uint32_t child = children[node.seen - 1];
      const std::uint32_t after = child ^ units_[child].offset();
      node.height = std::max(node.height, nodes[after].height + 1);
      check<TokenizerError>(node.height <= kLongestRule, kWhere, "a rule replaces more than ",
                            kLongestRule, " bytes");
    }
    if (node.seen == children.size()) {
      node.visit = Visit::kDone;
      path.pop_back();
      continue;
    }
    const std::uint32_t unit = children[node.seen++];
    const auto byte = static_cast<char>(units_[unit].label());
    check<TokenizerError>(unicode::is_continuation(byte) == (node.missing > 0), kWhere, "unit ",
                          unit, " is reached by bytes that are not UTF-8");
    visit(unit, static_cast<std::uint8_t>(
                    unicode::is_continuation(byte) ? node.missing - 1 : unicode::length(byte) - 1));
  }
  return ends;
}

void Charsmap::find_inner(const Graph& graph, const std::vector<std::uint32_t>& bases) {
  std::vector<char32_t> found;
  std::size_t seen = 0;
  struct Step {
    std::uint32_t base;
    std::string bytes;  // of a character begun
  };
  std::vector<Step> steps;
  for (const std::uint32_t begin : bases) {
    steps.push_back({begin, {}});
    while (!steps.empty()) {
      const Step step = std::move(steps.back());
      steps.pop_back();
      for (const std::uint32_t unit : graph.children(step.base)) {
        if (++seen > kMostInner) return;
        std::string bytes = step.bytes + static_cast<char>(units_[unit].label());
        if (bytes.size() < unicode::length(bytes[0])) {
          steps.push_back({unit ^ units_[unit].offset(), std::move(bytes)});
        } else {
          std::size_t at = 0;
          found.push_back(unicode::decode(bytes, at));
        }
      }
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  inner_ = std::move(found);
}

template <class Found>
void Charsmap::walk(std::string_view text, Found found) const {
  std::uint32_t base = units_[0].offset();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint32_t c = static_cast<unsigned char>(text[i]);
    const Unit unit = units_[base ^ c];
    if (c == 0 || unit.label() != c) return;
    base ^= c ^ unit.offset();
    if (unit.has_leaf() && !found(i + 1, units_[base].value())) return;
  }
}

std::string_view Charsmap::replacement(std::uint32_t at) const {
  return std::string_view(replacements_.data() + at);  // up to the NUL
}

Charsmap::Rule Charsmap::shortest(std::string_view text) const {
  Rule rule;
  walk(text, [&](std::size_t size, std::uint32_t at) {
    rule = {size, replacement(at)};
    return false;
  });
  return rule;
}

Charsmap::Rule Charsmap::longest(std::string_view text) const {
  std::size_t longest = 0;
  std::uint32_t place = 0;
  walk(text, [&](std::size_t size, std::uint32_t at) {
    longest = size;
    place = at;
    return true;
  });
  if (longest == 0) return {};
  return {longest, replacement(place)};
}

}  // namespace quatrain::tokenizer
