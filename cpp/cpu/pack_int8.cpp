#include <algorithm>
#include <cmath>
#include <cstring>

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
  // Four steps at a time, whose integers lie side by side.
  for (std::ptrdiff_t i = 0; i < filled_up(k); i += kQuad) {
    std::int32_t quads[kPanel] = {};
    for (std::ptrdiff_t step = 0; step < std::min(kQuad, k - i); ++step) {
      const float* const line = panel + (i + step) * kPanel;
      for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
        // What has no scale is zero, even where it is no number.
        const float scaled = inverse[j] == 0.0f ? 0.0f : line[j] * inverse[j];
        const auto value = static_cast<std::int32_t>(rounded(scaled));
        quads[j] |= (value & 0xff) << 8 * step;
        sums[j] += value;
      }
    }
    std::memcpy(values + i * kPanel, quads, sizeof(quads));
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
