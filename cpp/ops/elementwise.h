// Sums and products of two tensors.
#pragma once
#include "core/tensor.h"

namespace quatrain {

// out = x + y and out = x * y, element by element. y has the shape of x, or is one row that every
// row of x meets. out may be x or y.
void add(ConstRows x, ConstRows y, MutableRows out, int threads);
void mul(ConstRows x, ConstRows y, MutableRows out, int threads);

}  // namespace quatrain
