// How much work is worth another thread.
#pragma once
#include <algorithm>
#include <cstddef>
#include <functional>

#include "core/parallel.h"

namespace quatrain {

// Steps of about a nanosecond below which handing work to another thread costs more than it gains.
inline constexpr std::ptrdiff_t kWorthAThread = 16384;

// fn(begin, end) over rows, each of `cost` such steps.
template <class F>
void for_rows(int threads, std::ptrdiff_t rows, std::ptrdiff_t cost, const F& fn) {
  const std::ptrdiff_t grain = kWorthAThread / std::max<std::ptrdiff_t>(cost, 1) + 1;
  if (threads <= 1 || rows <= grain) {
    if (rows > 0) fn(0, rows);
  } else {
    parallel_for(threads, rows, std::cref(fn), grain);
  }
}

}  // namespace quatrain
