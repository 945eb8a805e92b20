// One vector per sentence.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/tensor.h"

namespace quatrain {

enum class Pooling { kMean, kCls, kMax, kLast, kMeanSqrtLen, kWeightedMean };

// "mean" -> kMean; an unknown name is an InputError.
Pooling pooling_from_name(std::string_view name);

// x [N, D]; sentence b is rows starts[b] .. starts[b+1]; out [B, D] is the mean, the first row, the
// largest value of each column, the last row, the sum over the root of the number of rows, or the
// mean in which row i counts i + 1 times. An empty sentence gives zeros.
void pool(ConstRows x, const std::int64_t* starts, Pooling kind, MutableRows out, int threads);

// Each row: out = x / max(|x|, 1e-12), the Euclidean length.
void l2_normalize(ConstRows x, MutableRows out, int threads);

}  // namespace quatrain
