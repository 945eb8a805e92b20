// Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
#pragma once
#include "core/tensor.h"

namespace quatrain {

// Each row is `heads` times D values, each of these: out = x / sqrt(mean(x^2) + eps) * weight.
// weight [D]; float32 statistics.
void rms_norm(ConstRows x, const float* weight, std::ptrdiff_t heads, float eps, MutableRows out,
              int threads);

// sum = x + y, out = rms_norm(sum) of one head, bit by bit what the two operations give apart.
void add_rms_norm(ConstRows x, ConstRows y, const float* weight, float eps, MutableRows sum,
                  MutableRows out, int threads);

}  // namespace quatrain
