#include "ops/pool.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

namespace {

void pool_sentence(const Kernels& kernel, ConstRows x, Pooling kind, float* out) {
  if (x.rows == 0) {
    std::fill_n(out, x.columns, 0.0f);
    return;
  }
  const float* first = x.row(kind == Pooling::kLast ? x.rows - 1 : 0);
  std::copy_n(first, x.columns, out);
  if (kind == Pooling::kMean || kind == Pooling::kMeanSqrtLen) {
    for (std::ptrdiff_t i = 1; i < x.rows; ++i) kernel.add(out, x.row(i), out, x.columns);
    const auto rows = static_cast<float>(x.rows);
    kernel.scale(out, 1.0f / (kind == Pooling::kMean ? rows : std::sqrt(rows)), out, x.columns);
  } else if (kind == Pooling::kWeightedMean) {
    for (std::ptrdiff_t i = 1; i < x.rows; ++i) {
      const auto weight = static_cast<float>(i + 1);
      for (std::ptrdiff_t d = 0; d < x.columns; ++d) out[d] += weight * x.row(i)[d];
    }
    const double rows = static_cast<double>(x.rows);
    kernel.scale(out, static_cast<float>(2 / (rows * (rows + 1))), out, x.columns);
  } else if (kind == Pooling::kMax) {
    for (std::ptrdiff_t i = 1; i < x.rows; ++i) kernel.max(out, x.row(i), out, x.columns);
  }
}

}  // namespace

Pooling pooling_from_name(std::string_view name) {
  if (name == "mean") return Pooling::kMean;
  if (name == "cls") return Pooling::kCls;
  if (name == "max") return Pooling::kMax;
  if (name == "last") return Pooling::kLast;
  if (name == "mean_sqrt_len") return Pooling::kMeanSqrtLen;
  if (name == "weightedmean") return Pooling::kWeightedMean;
  fail("pool", "expected a kind among mean, cls, max, last, mean_sqrt_len, weightedmean, got ",
       name);
}

void pool(ConstRows x, const std::int64_t* starts, Pooling kind, MutableRows out, int threads) {
  const Kernels& kernel = kernels();
  const std::ptrdiff_t average = x.size() / std::max<std::ptrdiff_t>(out.rows, 1);
  for_rows(threads, out.rows, average / 4, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t b = begin; b < end; ++b) {
      const auto start = static_cast<std::ptrdiff_t>(starts[b]);
      const auto count = static_cast<std::ptrdiff_t>(starts[b + 1]) - start;
      pool_sentence(kernel, {x.row(start), count, x.columns, x.stride}, kind, out.row(b));
    }
  });
}

void l2_normalize(ConstRows x, MutableRows out, int threads) {
  const Kernels& kernel = kernels();
  for_rows(threads, out.rows, x.columns / 4, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const float length = std::sqrt(kernel.sum_squares(x.row(i), x.columns));
      // Written so that a NaN length stays NaN.
      kernel.scale(x.row(i), 1.0f / (length < 1e-12f ? 1e-12f : length), out.row(i), x.columns);
    }
  });
}

}  // namespace quatrain
