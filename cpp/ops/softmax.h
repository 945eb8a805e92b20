#pragma once
#include "core/tensor.h"

namespace quatrain {

// Each row: out[i] = e^(x[i] - max x) / sum_j e^(x[j] - max x). NaN in a row makes all of it NaN.
void softmax(ConstRows x, MutableRows out, int threads);

}  // namespace quatrain
