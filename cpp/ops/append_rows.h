#pragma once
#include <cstdint>

#include "core/tensor.h"
#include "ops/cache_rows.h"

namespace quatrain {

// cache [B, C, W] as B*C rows, written in place: cache[b, past[b] + i] = rows[starts[b] + i] for
// i < starts[b+1] - starts[b]. What does not fit in the capacity C is an InputError, and then
// nothing is written.
void append_rows(MutableRows cache, std::ptrdiff_t batch, std::ptrdiff_t capacity, ConstRows rows,
                 const std::int64_t* starts, const std::int64_t* past, int threads);

// The same for rows of so many heads, which become int8.
void append_rows(Int8Rows cache, std::ptrdiff_t heads, std::ptrdiff_t batch,
                 std::ptrdiff_t capacity, ConstRows rows, const std::int64_t* starts,
                 const std::int64_t* past, int threads);

}  // namespace quatrain
