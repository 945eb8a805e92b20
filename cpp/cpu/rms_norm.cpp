#include "ops/rms_norm.h"

#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

void rms_norm(ConstRows x, const float* weight, float eps, MutableRows out, int threads) {
  const auto kernel = kernels().rms_norm;
  for_rows(threads, x.rows, x.columns / 2, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel(x.row(i), weight, eps, out.row(i), x.columns);
    }
  });
}

void add_rms_norm(ConstRows x, ConstRows y, const float* weight, float eps, MutableRows sum,
                  MutableRows out, int threads) {
  const Kernels& kernel = kernels();
  for_rows(threads, x.rows, x.columns / 2, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel.add(x.row(i), y.row(i), sum.row(i), x.columns);
      kernel.rms_norm(sum.row(i), weight, eps, out.row(i), x.columns);
    }
  });
}

}  // namespace quatrain
