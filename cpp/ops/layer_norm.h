// Ba, Kiros and Hinton, "Layer Normalization", 2016.
#pragma once
#include "core/tensor.h"

namespace quatrain {

// Each row [D]: out = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias.
// weight [D]; bias [D] or null. The statistics are float32, in two passes.
void layer_norm(ConstRows x, const float* weight, const float* bias, float eps, MutableRows out,
                int threads);

// sum = x + y, out = layer_norm(sum), the sum read back while it is in the cache. Bit by bit what
// the two operations give apart.
void add_layer_norm(ConstRows x, ConstRows y, const float* weight, const float* bias, float eps,
                    MutableRows sum, MutableRows out, int threads);

}  // namespace quatrain
