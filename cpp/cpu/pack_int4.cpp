#include <algorithm>
#include <cmath>
#include <limits>

#include "core/half.h"
#include "cpu/quantized.h"

namespace quatrain {

namespace {

// Scales that are tried for a block: so many fortieths of what spans its extremes (and 0).
constexpr int kFewest = 32, kMost = 48;

// The levels of each column of a block which lose least, by the sum of the squares; scales are NaN
// for a column that holds NaN or infinity. With zero points, those above and below the one that
// centres the levels are tried.
Int4Levels best_levels(const float* lines, std::ptrdiff_t count, bool zero_points) {
  float low[kPanel] = {}, high[kPanel] = {}, least[kPanel], errors[kPanel];
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      low[j] = std::min(low[j], lines[i * kPanel + j]);
      high[j] = std::max(high[j], lines[i * kPanel + j]);
    }
  }
  Int4Levels best{}, tried{};
  std::fill_n(least, kPanel, std::numeric_limits<float>::infinity());
  std::fill_n(best.scales, kPanel, std::numeric_limits<float>::quiet_NaN());
  const auto keep_better = [&] {
    integer_kernels().int4_errors(lines, count, tried, errors);
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      if (!(errors[j] < least[j])) continue;
      least[j] = errors[j];
      best.scales[j] = tried.scales[j];
      best.inverses[j] = tried.inverses[j];
      best.zeros[j] = tried.zeros[j];
    }
  };
  for (int fortieths = kFewest; fortieths <= kMost; ++fortieths) {
    float below[kPanel];
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      const float span =
          zero_points ? high[j] / 15.0f - low[j] / 15.0f : std::max(-low[j] / 8.0f, high[j] / 7.0f);
      const float scale = from_float16(to_float16(span * (static_cast<float>(fortieths) * 0.025f)));
      tried.scales[j] = scale;
      tried.inverses[j] = scale > 0.0f ? 1.0f / scale : 0.0f;
      const float middle = (low[j] * 0.5f + high[j] * 0.5f) * tried.inverses[j];
      // In this order, NaN becomes 0.
      const float centred = std::min(std::max(0.0f, 7.5f - middle), 14.0f);
      below[j] = static_cast<float>(static_cast<int>(centred));
    }
    if (!zero_points) {
      std::fill_n(tried.zeros, kPanel, 8.0f);
      keep_better();
      continue;
    }
    for (const float more : {0.0f, 1.0f}) {
      for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
        tried.zeros[j] = below[j] + more;
      }
      keep_better();
    }
  }
  return best;
}

}  // namespace

void pack_int4(const float* panel, std::ptrdiff_t k, std::ptrdiff_t block, std::uint8_t* values,
               std::uint16_t* scales, std::uint8_t* zeros) {
  const std::ptrdiff_t depth = block_depth(k, block);
  std::fill_n(values, depth / kGroup * kNibbleGroup, std::uint8_t{0});
  for (std::ptrdiff_t first = 0; first < depth; first += block, scales += kPanel) {
    const std::ptrdiff_t last = std::clamp(k, first, first + block);
    const Int4Levels levels = best_levels(panel + first * kPanel, last - first, zeros != nullptr);
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      scales[j] = to_float16(levels.scales[j]);
      if (zeros != nullptr) zeros[j] = static_cast<std::uint8_t>(levels.zeros[j]);
    }
    if (zeros != nullptr) zeros += kPanel;
    for (std::ptrdiff_t i = first; i < last; ++i) {
      for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
        if (std::isnan(levels.scales[j])) continue;  // whatever the values
        const float level = rounded(panel[i * kPanel + j] * levels.inverses[j]) + levels.zeros[j];
        const auto value = static_cast<unsigned>(std::clamp(level, 0.0f, 15.0f));
        const NibbleAt at = nibble_at(i, j);
        std::uint8_t& byte = values[at.byte];
        byte = static_cast<std::uint8_t>(byte | (at.upper ? value << 4 : value));
      }
    }
  }
}

void int4_row(const std::uint8_t* values, const std::uint16_t* scales, const std::uint8_t* zeros,
              std::ptrdiff_t block, std::ptrdiff_t column, std::ptrdiff_t k, float* out) {
  for (std::ptrdiff_t i = 0; i < k; ++i) {
    const std::ptrdiff_t at = i / block * kPanel + column;
    const int zero = zeros == nullptr ? kMiddle : zeros[at];
    const int level = nibble(values, i, column);
    out[i] = from_float16(scales[at]) * static_cast<float>(level - zero);
  }
}

}  // namespace quatrain
