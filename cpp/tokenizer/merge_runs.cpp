#include "tokenizer/merge_runs.h"

#include <utility>

namespace quatrain::tokenizer {

// Tokens are counted, not listed: a merge of two alike halves their number at once. That is the
// order of single merges unless a new pair comes before the rest of them.
std::optional<std::vector<Run>> merge_runs(const PairTable& merges, std::vector<Run> runs) {
  constexpr std::size_t kMostRuns = 16;
  std::vector<Run> next;
  bool is_odd = false;  // a token beside itself, of other symbols
  const auto push = [&](std::uint32_t id, std::size_t symbols, std::size_t count) {
    if (count == 0) return;
    if (!next.empty() && next.back().id == id) {
      next.back().count += count;
      is_odd = is_odd || next.back().symbols != symbols;
    } else {
      next.push_back({id, symbols, count});
    }
  };
  while (runs.size() <= kMostRuns && !is_odd) {
    std::uint32_t least = PairTable::kNone;
    std::size_t left = 0, right = 0;  // the runs of the pair
    const auto consider = [&](std::size_t i, std::size_t j) {
      const std::uint32_t rank = merges.find(runs[i].id, runs[j].id);
      if (rank < least) least = rank, left = i, right = j;
    };
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].count > 1) consider(i, i);
      if (i + 1 < runs.size()) consider(i, i + 1);
    }
    if (least == PairTable::kNone) return runs;
    const std::uint32_t id = merges.id(least), from = runs[left].id;
    const auto hurries = [&](std::uint32_t a, std::uint32_t b) {
      return merges.find(a, b) < least;
    };
    const bool is_hurried =
        hurries(id, id) || hurries(id, from) || (left > 0 && hurries(runs[left - 1].id, id));
    next.clear();
    const std::size_t symbols = runs[left].symbols + runs[right].symbols;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto [own, size, count] = runs[i];
      if (i == left && i == right) {
        const std::size_t merged = is_hurried ? 1 : count / 2;
        push(id, symbols, merged);
        push(own, size, count - 2 * merged);
      } else if (i == left) {
        push(own, size, count - 1);
        push(id, symbols, 1);
      } else {
        push(own, size, i == right ? count - 1 : count);
      }
    }
    runs.swap(next);
  }
  return std::nullopt;
}

}  // namespace quatrain::tokenizer
