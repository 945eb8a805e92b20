#include "ops/windows.h"

#include <algorithm>

#include "core/check.h"
#include "cpu/schedule.h"

namespace quatrain {

std::ptrdiff_t windows_columns(std::ptrdiff_t columns, std::ptrdiff_t size, std::ptrdiff_t stride) {
  constexpr std::ptrdiff_t kMost = 1 << 16;
  check(size > 0 && size % 2 == 1 && size < kMost, "windows", "expected an odd size, got ", size);
  check(stride > 0 && stride < kMost, "windows", "expected a stride of at least 1, got ", stride);
  check(columns <= (std::ptrdiff_t{1} << 40) / size, "windows", "expected fewer columns, got ",
        columns);
  return columns * size;
}

void windows(ConstRows x, const std::int64_t* starts, const std::int64_t* out_starts,
             std::ptrdiff_t batch, std::ptrdiff_t size, std::ptrdiff_t stride, MutableRows out,
             int threads) {
  for (std::ptrdiff_t b = 0; b < batch; ++b) {
    const auto start = static_cast<std::ptrdiff_t>(starts[b]);
    const auto count = static_cast<std::ptrdiff_t>(starts[b + 1]) - start;
    const auto first = static_cast<std::ptrdiff_t>(out_starts[b]);
    const auto windows_of_it = static_cast<std::ptrdiff_t>(out_starts[b + 1]) - first;
    for_rows(threads, windows_of_it, out.columns / 8,
             [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
               for (std::ptrdiff_t i = begin; i < end; ++i) {
                 float* to = out.row(first + i);
                 for (std::ptrdiff_t k = 0; k < size; ++k, to += x.columns) {
                   const std::ptrdiff_t from = stride * i + k - size / 2;
                   if (from >= 0 && from < count) {
                     std::copy_n(x.row(start + from), x.columns, to);
                   } else {
                     std::fill_n(to, x.columns, 0.0f);
                   }
                 }
               }
             });
  }
}

}  // namespace quatrain
