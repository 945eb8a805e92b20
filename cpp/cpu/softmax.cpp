#include "ops/softmax.h"

#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

void softmax(ConstRows x, MutableRows out, int threads) {
  const auto kernel = kernels().softmax;
  for_rows(threads, x.rows, x.columns, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) kernel(x.row(i), out.row(i), x.columns);
  });
}

}  // namespace quatrain
