#include "ops/rms_norm.h"

#include "cpu/kernels.h"
#include "cpu/results.h"

namespace quatrain {

void rms_norm(ConstRows x, const float* weight, std::ptrdiff_t heads, float eps, MutableRows out,
              int threads) {
  const auto kernel = kernels().rms_norm;
  const std::ptrdiff_t size = x.columns / heads;
  for_result_rows(threads, out, x.columns / 2, [&](std::ptrdiff_t i, float* row) {
    for (std::ptrdiff_t first = 0; first < x.columns; first += size) {
      kernel(x.row(i) + first, weight, eps, row + first, size);
    }
  });
}

void add_rms_norm(ConstRows x, ConstRows y, const float* weight, float eps, MutableRows sum,
                  MutableRows out, int threads) {
  const Kernels& kernel = kernels();
  for_rows(threads, out.rows, x.columns / 2, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    ResultWriter sums(sum), normed(out);
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      float* const row = sums.begin(sum.row(i));
      kernel.add(x.row(i), y.row(i), row, x.columns);
      kernel.rms_norm(row, weight, eps, normed.begin(out.row(i)), x.columns);
      sums.done(x.columns);
      normed.done(x.columns);
    }
  });
}

}  // namespace quatrain
