#include "tokenizer/block_merges.h"

#include <algorithm>
#include <utility>

#include "tokenizer/few_symbols.h"
#include "tokenizer/merge_runs.h"

namespace quatrain::tokenizer {

bool BlockMerges::run() {
  tokens_.clear();
  if (symbols_.size() > FewSymbols::kMost && run_long()) return true;
  budget_ = 4 * symbols_.size();
  for (std::size_t at = 0; at < symbols_.size(); at += kBlock) {
    const std::size_t middle = tokens_.size(), end = std::min(at + kBlock, symbols_.size());
    merge(at, end, tokens_);
    if (at > 0 && !join(middle, end)) return false;
  }
  return true;
}

bool BlockMerges::run_long() {
  constexpr std::size_t kMostRuns = 4;
  std::vector<Run> runs;
  for (const std::uint32_t id : symbols_) {
    if (runs.empty() || runs.back().id != id) runs.push_back({id, 1, 0});
    if (runs.size() > kMostRuns) return false;
    ++runs.back().count;
  }
  const auto merged = merge_runs(merges_, std::move(runs));
  if (!merged) return false;
  std::uint32_t first = 0;
  for (const Run& run : *merged) {
    for (std::size_t i = 0; i < run.count; ++i) {
      tokens_.push_back({run.id, first});
      first += static_cast<std::uint32_t>(run.symbols);
    }
  }
  return true;
}

void BlockMerges::merge(std::size_t begin, std::size_t end, std::vector<Token>& out) const {
  FewSymbols few;
  for (std::size_t i = begin; i < end; ++i) few.push(symbols_[i]);
  few.merge(merges_, [&](std::size_t i) { return merges_.find(few[i], few[i + 1]); });
  few.each([&](std::uint32_t id, std::size_t first, std::size_t) {
    out.push_back({id, static_cast<std::uint32_t>(begin + first)});
  });
}

bool BlockMerges::join(std::size_t middle, std::size_t end) {
  std::size_t first = middle - 1, last = middle + 1;  // the tokens that are made anew
  const auto begin_of = [&](std::size_t token) {
    return token < tokens_.size() ? tokens_[token].first : end;
  };
  if (is_stable(tokens_[first], tokens_[middle], begin_of(last))) return true;
  while (true) {
    const std::size_t from = tokens_[first].first, to = begin_of(last);
    if (to - from > std::min(FewSymbols::kMost, budget_)) return false;
    budget_ -= to - from;
    anew_.clear();
    merge(from, to, anew_);
    const std::size_t second = anew_.size() > 1 ? anew_[1].first : to;
    const bool begins_well = first == 0 || is_stable(tokens_[first - 1], anew_[0], second);
    const bool ends_well =
        last == tokens_.size() || is_stable(anew_.back(), tokens_[last], begin_of(last + 1));
    if (begins_well && ends_well) break;
    if (!begins_well) first -= std::min(middle - first, first);
    if (!ends_well) last += std::min(last - middle, tokens_.size() - last);
  }
  const auto at = [&](std::size_t token) {
    return tokens_.begin() + static_cast<std::ptrdiff_t>(token);
  };
  tokens_.insert(tokens_.erase(at(first), at(last)), anew_.begin(), anew_.end());
  return true;
}

bool BlockMerges::is_stable(const Token& left, const Token& right, std::size_t end) {
  if (end - left.first > FewSymbols::kMost) return false;
  both_.clear();
  merge(left.first, end, both_);
  return both_.size() == 2 && both_[1].first == right.first;
}

}  // namespace quatrain::tokenizer
