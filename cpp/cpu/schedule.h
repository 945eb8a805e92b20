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

// fn(first, last) over the elements of a contiguous array, of which a step takes several.
template <class F>
void for_elements(int threads, std::ptrdiff_t size, std::ptrdiff_t per_step, const F& fn) {
  constexpr std::ptrdiff_t kPiece = 4096;
  for_rows(threads, (size + kPiece - 1) / kPiece, kPiece / per_step,
           [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
             fn(begin * kPiece, std::min(end * kPiece, size));
           });
}

}  // namespace quatrain
