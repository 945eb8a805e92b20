#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "cpu/quantized.h"

namespace quatrain {

void pack_int4(const float* panel, std::ptrdiff_t k, std::ptrdiff_t block, std::uint8_t* values,
               std::uint16_t* scales, std::uint8_t* zeros) {
  const std::ptrdiff_t depth = filled_up(k, kMostBlock);
  std::fill_n(values, depth / kGroup * kGroupBytes, std::uint8_t{0});
  for (std::ptrdiff_t first = 0; first < depth; first += block, scales += kPanel) {
    const std::ptrdiff_t last = std::min(first + block, k);
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      float low = 0.0f, high = 0.0f, odd = 0.0f;
      for (std::ptrdiff_t i = first; i < last; ++i) {
        low = std::min(low, panel[i * kPanel + j]);
        high = std::max(high, panel[i * kPanel + j]);
        odd += panel[i * kPanel + j] * 0.0f;  // NaN, once there is one or an infinity
      }
      const float range =
          zeros == nullptr ? std::max(-low / 8.0f, high / 7.0f) : high / 15.0f - low / 15.0f;
      scales[j] = to_float16(range + odd);
      const float scale = from_float16(scales[j]);
      const float inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
      float zero = 8.0f;
      if (zeros != nullptr) {
        zero = inverse == 0.0f ? 0.0f : std::clamp(std::nearbyint(-low * inverse), 0.0f, 15.0f);
        zeros[j] = static_cast<std::uint8_t>(zero);
      }
      for (std::ptrdiff_t i = first; inverse != 0.0f && i < last; ++i) {
        const float level = std::nearbyint(panel[i * kPanel + j] * inverse) + zero;
        const auto value = static_cast<unsigned>(std::clamp(level, 0.0f, 15.0f));
        const std::ptrdiff_t step = i % kGroup;
        std::uint8_t& byte =
            values[i / kGroup * kGroupBytes + step / 8 * 64 + j * kQuad + step % 4];
        byte = static_cast<std::uint8_t>(byte | (step % 8 < 4 ? value : value << 4));
      }
    }
    if (zeros != nullptr) zeros += kPanel;
  }
}

void int4_row(const std::uint8_t* values, const std::uint16_t* scales, const std::uint8_t* zeros,
              std::ptrdiff_t block, std::ptrdiff_t column, std::ptrdiff_t k, float* out) {
  for (std::ptrdiff_t i = 0; i < k; ++i) {
    const std::ptrdiff_t step = i % kGroup, at = i / block * kPanel + column;
    const int byte = values[i / kGroup * kGroupBytes + step / 8 * 64 + column * kQuad + step % 4];
    const int value = step % 8 < 4 ? byte & 15 : byte >> 4;
    out[i] =
        from_float16(scales[at]) * static_cast<float>(value - (zeros == nullptr ? 8 : zeros[at]));
  }
}

}  // namespace quatrain
