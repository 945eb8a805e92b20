#include "ops/append_rows.h"

#include <cstring>

#include "core/check.h"
#include "cpu/schedule.h"

namespace quatrain {

void append_rows(MutableRows cache, std::ptrdiff_t batch, std::ptrdiff_t capacity, ConstRows rows,
                 const std::int64_t* starts, const std::int64_t* past, int threads) {
  for (std::ptrdiff_t b = 0; b < batch; ++b) {
    const std::int64_t count = starts[b + 1] - starts[b];
    check(past[b] >= 0, "append_rows", "expected past >= 0, got ", past[b], " for sentence ", b);
    check(past[b] <= capacity && count <= capacity - past[b], "append_rows", "sentence ", b, ": ",
          count, " rows behind ", past[b], " exceed the cache's capacity of ", capacity);
  }
  if (rows.columns == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(rows.columns) * sizeof(float);
  const std::ptrdiff_t average = rows.size() / std::max<std::ptrdiff_t>(batch, 1);
  for_rows(threads, batch, average / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t b = begin; b < end; ++b) {
      const auto first = static_cast<std::ptrdiff_t>(starts[b]);
      const auto count = static_cast<std::ptrdiff_t>(starts[b + 1]) - first;
      const std::ptrdiff_t target = b * capacity + static_cast<std::ptrdiff_t>(past[b]);
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        std::memcpy(cache.row(target + i), rows.row(first + i), bytes);
      }
    }
  });
}

}  // namespace quatrain
