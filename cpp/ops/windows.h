// Each row beside its neighbours: a convolution over the rows of a sentence is the product of these
// and its weight.
#pragma once
#include <cstdint>

#include "core/tensor.h"

namespace quatrain {

// D * size. Throws InputError unless `size` is odd, `stride` is positive and both are below 2^16.
std::ptrdiff_t windows_columns(std::ptrdiff_t columns, std::ptrdiff_t size, std::ptrdiff_t stride);

// x [N, D]; sentence b is rows starts[b] .. starts[b+1] of x and out_starts[b] .. out_starts[b+1]
// of out [M, size * D], a stride-th as many, rounded up. Row i of a sentence in out is rows stride
// * i - size / 2 to stride * i + size / 2 of it in x, one after another; zeros stand for those
// beyond its ends.
void windows(ConstRows x, const std::int64_t* starts, const std::int64_t* out_starts,
             std::ptrdiff_t batch, std::ptrdiff_t size, std::ptrdiff_t stride, MutableRows out,
             int threads);

}  // namespace quatrain
