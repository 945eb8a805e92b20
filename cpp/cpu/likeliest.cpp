#include "ops/likeliest.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/check.h"
#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
bool better(const Continuation& a, const Continuation& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.row != b.row ? a.row < b.row : a.id < b.id;
}

// The largest logit of every kLogitBlock; returns the largest of all, which may be -inf.
float block_maxima(const char* where, const float* logits, std::ptrdiff_t count, float* maxima) {
  const float top = kernels().block_maxima(logits, count, maxima);
  if (top < kInfinity) return top;
  const float* bad =
      std::find_if(logits, logits + count, [](float x) { return std::isnan(x) || x == kInfinity; });
  fail(where, "expected finite logits or -inf, got ", *bad, " for token ", bad - logits);
}

std::size_t blocks_of(std::ptrdiff_t count) {
  return static_cast<std::size_t>((count + kLogitBlock - 1) / kLogitBlock);
}

}  // namespace

std::vector<double> log_sum_exp(ConstRows logits, int threads) {
  constexpr const char* where = "log_sum_exp";
  const std::ptrdiff_t count = logits.columns;
  check(count > 0, where, "expected more than 0 logits, got ", count);
  std::vector<double> sums(static_cast<std::size_t>(logits.rows));
  for_rows(threads, logits.rows, count / 2, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    std::vector<float> maxima(blocks_of(count));
    for (std::ptrdiff_t b = begin; b < end; ++b) {
      const float top = block_maxima(where, logits.row(b), count, maxima.data());
      check(top != -kInfinity, where, "expected a logit above -inf, got none");
      const double sum = kernels().sum_exponentials(logits.row(b), count, top);
      sums[static_cast<std::size_t>(b)] = static_cast<double>(top) + std::log(sum);
    }
  });
  return sums;
}

std::vector<Continuation> likeliest(ConstRows logits, const std::vector<double>& offsets,
                                    std::ptrdiff_t count, int threads) {
  constexpr const char* where = "likeliest";
  check(static_cast<std::ptrdiff_t>(offsets.size()) == logits.rows, where, "expected ", logits.rows,
        " offsets, got ", offsets.size());
  check(count > 0, where, "expected count > 0, got ", count);
  const std::size_t blocks = blocks_of(logits.columns);
  const std::size_t all = blocks * offsets.size();
  std::vector<float> maxima(all);
  for_rows(threads, logits.rows, logits.columns / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t b = begin; b < end; ++b) {
      float* own = maxima.data() + static_cast<std::size_t>(b) * blocks;
      block_maxima(where, logits.row(b), logits.columns, own);
    }
  });

  // As many blocks as continuations are wanted hold a score that is not below the last of theirs.
  std::vector<double> tops(all);
  for (std::size_t i = 0; i < all; ++i) {
    tops[i] = offsets[i / blocks] + static_cast<double>(maxima[i]);
  }
  double lowest = -std::numeric_limits<double>::infinity();
  if (static_cast<std::size_t>(count) <= all) {
    std::vector<double> some = tops;
    const auto place = some.begin() + count - 1;
    std::nth_element(some.begin(), place, some.end(), std::greater<>());
    lowest = *place;
  }
  std::vector<Continuation> found;
  for (std::size_t i = 0; i < all; ++i) {
    if (maxima[i] == -kInfinity || tops[i] < lowest) continue;
    const std::size_t row = i / blocks;
    const float* own = logits.row(static_cast<std::ptrdiff_t>(row));
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(i % blocks) * kLogitBlock;
    for (std::ptrdiff_t id = first; id < std::min(first + kLogitBlock, logits.columns); ++id) {
      const double score = offsets[row] + static_cast<double>(own[id]);
      if (own[id] == -kInfinity || score < lowest) continue;
      found.push_back({score, static_cast<std::int64_t>(row), id});
    }
  }
  const auto end = found.begin() + std::min(count, static_cast<std::ptrdiff_t>(found.size()));
  std::partial_sort(found.begin(), end, found.end(), better);
  found.erase(end, found.end());
  return found;
}

}  // namespace quatrain
