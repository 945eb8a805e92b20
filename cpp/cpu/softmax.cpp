#include "ops/softmax.h"

#include "cpu/kernels.h"
#include "cpu/results.h"

namespace quatrain {

void softmax(ConstRows x, MutableRows out, int threads) {
  const auto kernel = kernels().softmax;
  for_result_rows(threads, out, x.columns,
                  [&](std::ptrdiff_t i, float* row) { kernel(x.row(i), row, x.columns); });
}

}  // namespace quatrain
