#include "ops/append_rows.h"

#include <cstring>

#include "core/check.h"
#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

namespace {

constexpr const char* kWhere = "append_rows";

// write(row of the cache, row of `rows`) for every row.
template <class Write>
void for_new_rows(std::ptrdiff_t batch, std::ptrdiff_t capacity, ConstRows rows,
                  const std::int64_t* starts, const std::int64_t* past, std::ptrdiff_t cost,
                  int threads, const Write& write) {
  for (std::ptrdiff_t b = 0; b < batch; ++b) {
    const std::int64_t count = starts[b + 1] - starts[b];
    check(past[b] >= 0, kWhere, "expected past >= 0, got ", past[b], " for sentence ", b);
    check(past[b] <= capacity && count <= capacity - past[b], kWhere, "sentence ", b, ": ", count,
          " rows behind ", past[b], " exceed the cache's capacity of ", capacity);
  }
  if (rows.columns == 0) return;
  const std::ptrdiff_t average = rows.rows / std::max<std::ptrdiff_t>(batch, 1);
  for_rows(threads, batch, average * cost, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t b = begin; b < end; ++b) {
      const auto first = static_cast<std::ptrdiff_t>(starts[b]);
      const auto count = static_cast<std::ptrdiff_t>(starts[b + 1]) - first;
      const std::ptrdiff_t target = b * capacity + static_cast<std::ptrdiff_t>(past[b]);
      for (std::ptrdiff_t i = 0; i < count; ++i) write(target + i, first + i);
    }
  });
}

}  // namespace

void append_rows(MutableRows cache, std::ptrdiff_t batch, std::ptrdiff_t capacity, ConstRows rows,
                 const std::int64_t* starts, const std::int64_t* past, int threads) {
  const std::size_t bytes = static_cast<std::size_t>(rows.columns) * sizeof(float);
  for_new_rows(batch, capacity, rows, starts, past, rows.columns / 8, threads,
               [&](std::ptrdiff_t to, std::ptrdiff_t from) {
                 std::memcpy(cache.row(to), rows.row(from), bytes);
               });
}

void append_rows(Int8Rows cache, std::ptrdiff_t heads, std::ptrdiff_t batch,
                 std::ptrdiff_t capacity, ConstRows rows, const std::int64_t* starts,
                 const std::int64_t* past, int threads) {
  check(heads > 0 && rows.columns % heads == 0, kWhere, "expected rows of ", heads,
        " heads of one size, got ", rows.columns, " columns");
  check(cache.columns == rows.columns + heads * kScaleColumns, kWhere, "expected an int8 cache of ",
        rows.columns + heads * kScaleColumns, " columns, got ", cache.columns);
  const std::ptrdiff_t size = rows.columns / heads;
  for_new_rows(batch, capacity, rows, starts, past, rows.columns / 4, threads,
               [&](std::ptrdiff_t to, std::ptrdiff_t from) {
                 std::int8_t* scales = cache.row(to) + rows.columns;
                 for (std::ptrdiff_t h = 0; h < heads; ++h) {
                   const float scale = kernels().quantize_head(rows.row(from) + h * size, size,
                                                               cache.row(to) + h * size);
                   std::memcpy(scales + h * kScaleColumns, &scale, sizeof(scale));
                 }
               });
}

}  // namespace quatrain
