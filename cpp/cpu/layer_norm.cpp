#include "ops/layer_norm.h"

#include "cpu/kernels.h"
#include "cpu/results.h"

namespace quatrain {

void layer_norm(ConstRows x, const float* weight, const float* bias, float eps, MutableRows out,
                int threads) {
  const auto kernel = kernels().layer_norm;
  for_result_rows(threads, out, x.columns / 2, [&](std::ptrdiff_t i, float* row) {
    kernel(x.row(i), weight, bias, eps, row, x.columns);
  });
}

void add_layer_norm(ConstRows x, ConstRows y, const float* weight, const float* bias, float eps,
                    MutableRows sum, MutableRows out, int threads) {
  const Kernels& kernel = kernels();
  for_rows(threads, out.rows, x.columns / 2, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    ResultWriter sums(sum), normed(out);
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      float* const row = sums.begin(sum.row(i));
      kernel.add(x.row(i), y.row(i), row, x.columns);
      kernel.layer_norm(row, weight, bias, eps, normed.begin(out.row(i)), x.columns);
      sums.done(x.columns);
      normed.done(x.columns);
    }
  });
}

}  // namespace quatrain
