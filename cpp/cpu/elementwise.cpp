#include "ops/elementwise.h"

#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

namespace {

template <class Kernel>
void binary(Kernel kernel, ConstRows x, ConstRows y, MutableRows out, int threads) {
  const bool broadcast = y.rows == 1 && x.rows != 1;
  if (!broadcast && x.contiguous() && y.contiguous() && out.contiguous()) {
    for_elements(threads, x.size(), 8, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
      kernel(x.data + first, y.data + first, out.data + first, last - first);
    });
    return;
  }
  for_rows(threads, x.rows, x.columns / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel(x.row(i), y.row(broadcast ? 0 : i), out.row(i), x.columns);
    }
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
