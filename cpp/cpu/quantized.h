// Panels of quantised weights, and the products with them that linear() chooses from.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/integer.h"
#include "ops/linear.h"

namespace quatrain {

// K with the zeros that fill up a panel.
constexpr std::ptrdiff_t filled_up(std::ptrdiff_t k) { return (k + kDepth - 1) / kDepth * kDepth; }

// From a panel [k][kPanel] of floats. A column with NaN or infinity gets a scale of NaN.
void pack_int8(const float* panel, std::ptrdiff_t k, std::int8_t* values, float* scales,
               std::int32_t* sums);

// Column `column` of a panel as floats.
void int8_row(const std::int8_t* values, std::ptrdiff_t column, float scale, std::ptrdiff_t k,
              float* out);

void linear_int8(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
                 MutableRows out, int threads);

}  // namespace quatrain
