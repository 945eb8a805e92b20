#include <algorithm>
#include <cmath>

#include "cpu/quantized.h"

namespace quatrain {

void pack_int8(const float* panel, std::ptrdiff_t k, std::int8_t* values, float* scales,
               std::int32_t* sums) {
  float largest[kPanel] = {}, odd[kPanel] = {}, inverse[kPanel];
  for (std::ptrdiff_t i = 0; i < k; ++i) {
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      const float value = panel[i * kPanel + j];
      largest[j] = std::max(largest[j], std::abs(value));
      odd[j] += value * 0.0f;  // NaN, once there is one or an infinity
    }
  }
  for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
    scales[j] = largest[j] / 127.0f + odd[j];
    if (scales[j] < 1e-37f) scales[j] = 0.0f;  // its inverse would overflow
    inverse[j] = scales[j] > 0.0f ? 1.0f / scales[j] : 0.0f;
    sums[j] = 0;
  }
  std::fill_n(values, filled_up(k) * kPanel, std::int8_t{0});
  for (std::ptrdiff_t i = 0; i < k; ++i) {
    std::int8_t* line = values + i / kQuad * kQuad * kPanel + i % kQuad;
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      if (inverse[j] == 0.0f) continue;
      const auto value = static_cast<std::int8_t>(rounded(panel[i * kPanel + j] * inverse[j]));
      line[j * kQuad] = value;
      sums[j] += value;
    }
  }
}

void int8_row(const std::int8_t* values, std::ptrdiff_t column, float scale, std::ptrdiff_t k,
              float* out) {
  for (std::ptrdiff_t i = 0; i < k; ++i) {
    const std::int8_t value = values[(i / kQuad * kPanel + column) * kQuad + i % kQuad];
    out[i] = scale * static_cast<float>(value);
  }
}

}  // namespace quatrain
