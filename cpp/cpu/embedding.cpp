#include "ops/embedding.h"

#include <cstring>

#include "core/check.h"
#include "cpu/schedule.h"

namespace quatrain {

void check_ids(const char* where, const std::int64_t* ids, std::ptrdiff_t count,
               std::ptrdiff_t vocabulary) {
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    check(ids[i] >= 0 && ids[i] < vocabulary, where, "id ", ids[i], " at position ", i,
          " is outside a vocabulary of ", vocabulary);
  }
}

void embedding(const std::int64_t* ids, ConstRows weight, MutableRows out, int threads) {
  check_ids("embedding", ids, out.rows, weight.rows);
  if (out.columns == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(out.columns) * sizeof(float);
  for_rows(threads, out.rows, out.columns / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      std::memcpy(out.row(i), weight.row(static_cast<std::ptrdiff_t>(ids[i])), bytes);
    }
  });
}

}  // namespace quatrain
