#include "ops/rope.h"

#include <algorithm>
#include <cmath>

#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

void rope(ConstRows x, ConstRows cosines, ConstRows sines, std::ptrdiff_t heads, bool interleaved,
          MutableRows out, int threads) {
  const auto kernel = interleaved ? kernels().rope_interleaved : kernels().rope_half_split;
  const std::ptrdiff_t size = x.columns / heads;
  const std::ptrdiff_t half = cosines.columns;
  for_rows(threads, out.rows, x.columns / 4, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      for (std::ptrdiff_t h = 0; h < heads; ++h) {
        const float* head = x.row(i) + h * size;
        float* turned = out.row(i) + h * size;
        kernel(head, cosines.row(i), sines.row(i), turned, half);
        std::copy(head + 2 * half, head + size, turned + 2 * half);
      }
    }
  });
}

void rotary(const std::int64_t* positions, const float* inv_freq, float scale, MutableRows cosines,
            MutableRows sines, int threads) {
  const std::ptrdiff_t half = cosines.columns;
  for_rows(threads, cosines.rows, half * 32, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t n = begin; n < end; ++n) {
      const auto position = static_cast<float>(positions[n]);
      for (std::ptrdiff_t i = 0; i < half; ++i) {
        const double angle = position * inv_freq[i];
        cosines.row(n)[i] = static_cast<float>(std::cos(angle)) * scale;
        sines.row(n)[i] = static_cast<float>(std::sin(angle)) * scale;
      }
    }
  });
}

}  // namespace quatrain
