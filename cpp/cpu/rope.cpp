#include "ops/rope.h"

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

void rope(ConstRows x, ConstRows cosines, ConstRows sines, std::ptrdiff_t heads, bool interleaved,
          MutableRows out, int threads) {
  const auto kernel = interleaved ? kernels().rope_interleaved : kernels().rope_half_split;
  const std::ptrdiff_t size = x.columns / heads;
  const std::ptrdiff_t half = cosines.columns;
  for_rows(threads, x.rows, x.columns / 4, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
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

}  // namespace quatrain
