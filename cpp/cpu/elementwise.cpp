#include "ops/elementwise.h"

#include "cpu/kernels.h"
#include "cpu/results.h"

namespace quatrain {

namespace {

template <class Kernel>
void binary(Kernel kernel, ConstRows x, ConstRows y, MutableRows out, int threads) {
  const bool broadcast = y.rows == 1 && x.rows != 1;
  if (!broadcast && x.contiguous() && y.contiguous() && out.contiguous()) {
    for_result_elements(threads, out, 8,
                        [&](std::ptrdiff_t first, std::ptrdiff_t count, float* to) {
                          kernel(x.data + first, y.data + first, to, count);
                        });
    return;
  }
  for_result_rows(threads, out, x.columns / 8, [&](std::ptrdiff_t i, float* row) {
    kernel(x.row(i), y.row(broadcast ? 0 : i), row, x.columns);
  });
}

}  // namespace

void add(ConstRows x, ConstRows y, MutableRows out, int threads) {
  binary(kernels().add, x, y, out, threads);
}

void mul(ConstRows x, ConstRows y, MutableRows out, int threads) {
  binary(kernels().mul, x, y, out, threads);
}

}  // namespace quatrain
