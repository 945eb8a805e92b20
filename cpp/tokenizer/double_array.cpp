#include "tokenizer/double_array.h"

#include <algorithm>
#include <bit>

#include "core/check.h"
#include "tokenizer/sought.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::uint32_t kBlock = 256;     // a node's children share one
constexpr std::uint32_t kOpenBlocks = 8;  // older ones are not searched: building stays linear

}  // namespace

class DoubleArray::Builder {
 public:
  explicit Builder(std::vector<Unit>& units) : units_(units) { add_block(); }

  // Places the children of a node and returns their base.
  std::uint32_t place(const std::vector<unsigned char>& labels) {
    const std::uint32_t base = find(labels);
    is_base_[base] = true;
    for (const unsigned char label : labels) take(base ^ label, label);
    return base;
  }

 private:
  void add_block() {
    check<TokenizerError>(units_.size() < UINT32_MAX - kBlock, "model.vocab",
                          "the vocabulary needs too large a search tree");
    units_.resize(units_.size() + kBlock);
    is_base_.resize(units_.size());
    free_.resize(units_.size() / 64, ~std::uint64_t{0});
    take(0, kRoot);  // nobody's child: base 0 stays unused
    is_base_[0] = true;
  }

  void take(std::uint32_t unit, std::uint32_t label) {
    units_[unit].label = label & 511;
    free_[unit / 64] &= ~(std::uint64_t{1} << (unit % 64));
  }

  bool is_free(std::uint32_t unit) const { return free_[unit / 64] >> (unit % 64) & 1; }
  bool fits(std::uint32_t base, const std::vector<unsigned char>& labels) const {
    return !is_base_[base] && std::all_of(labels.begin(), labels.end(), [&](unsigned char label) {
      return is_free(base ^ label);
    });
  }

  std::uint32_t find(const std::vector<unsigned char>& labels) {
    const auto size = static_cast<std::uint32_t>(units_.size());
    const std::uint32_t oldest = size > kOpenBlocks * kBlock ? size - kOpenBlocks * kBlock : 0;
    for (std::uint32_t word = oldest / 64; word < free_.size(); ++word) {
      for (std::uint64_t left = free_[word]; left; left &= left - 1) {
        const std::uint32_t unit = word * 64 + static_cast<std::uint32_t>(std::countr_zero(left));
        if (fits(unit ^ labels[0], labels)) return unit ^ labels[0];
      }
    }
    add_block();
    return size;
  }

  std::vector<Unit>& units_;
  std::vector<bool> is_base_;
  std::vector<std::uint64_t> free_;  // a bit for each unit
};

DoubleArray::DoubleArray(std::vector<Entry> entries) {
  for (const auto& [string, value] : entries) {
    check_sought(string, "model.vocab", "the piece with id ", value);
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.first < b.first; });
  Builder builder(units_);
  // Entries [begin, end) share their first `depth` bytes, which lead to the node.
  struct Range {
    std::uint32_t node;
    std::size_t begin, end, depth;
  };
  std::vector<Range> ranges{{0, 0, entries.size(), 0}};
  std::vector<unsigned char> labels;
  std::vector<std::size_t> starts;
  while (!ranges.empty()) {
    const Range range = ranges.back();
    ranges.pop_back();
    std::size_t at = range.begin;
    for (; at < range.end && entries[at].first.size() == range.depth; ++at) {
      if (at == range.begin && range.depth > 0) units_[range.node].value = entries[at].second;
    }
    labels.clear();
    starts.clear();
    for (; at < range.end; ++at) {
      const auto label = static_cast<unsigned char>(entries[at].first[range.depth]);
      if (!labels.empty() && labels.back() == label) continue;
      labels.push_back(label);
      starts.push_back(at);
    }
    if (labels.empty()) continue;
    starts.push_back(range.end);
    const std::uint32_t base = builder.place(labels);
    units_[range.node].base = base;
    for (std::size_t i = labels.size(); i-- > 0;) {
      ranges.push_back({base ^ labels[i], starts[i], starts[i + 1], range.depth + 1});
    }
  }
}

}  // namespace quatrain::tokenizer
