#include "ops/layer_norm.h"

#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

void layer_norm(ConstRows x, const float* weight, const float* bias, float eps, MutableRows out,
                int threads) {
  const auto kernel = kernels().layer_norm;
  for_rows(threads, x.rows, x.columns / 2, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel(x.row(i), weight, bias, eps, out.row(i), x.columns);
    }
  });
}

void add_layer_norm(ConstRows x, ConstRows y, const float* weight, const float* bias, float eps,
                    MutableRows sum, MutableRows out, int threads) {
  const Kernels& kernel = kernels();
  for_rows(threads, x.rows, x.columns / 2, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel.add(x.row(i), y.row(i), sum.row(i), x.columns);
      kernel.layer_norm(sum.row(i), weight, bias, eps, out.row(i), x.columns);
    }
  });
}

}  // namespace quatrain
