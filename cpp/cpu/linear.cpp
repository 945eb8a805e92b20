#include "ops/linear.h"

#include <algorithm>

#include "core/aligned.h"
#include "cpu/kernels.h"
#include "cpu/quantized.h"
#include "cpu/schedule.h"

namespace quatrain {

namespace {

// Each task is a block of rows times a group of panels. A block of rows is packed anew for every
// group, so there are only as many groups as keep all threads busy to the end.
struct Grid {
  std::ptrdiff_t block_rows, row_blocks, group_panels, groups;

  Grid(std::ptrdiff_t rows, std::ptrdiff_t k, std::ptrdiff_t panels, std::ptrdiff_t limit,
       int threads) {
    row_blocks = (rows + limit - 1) / limit;
    block_rows = (rows + row_blocks - 1) / row_blocks;
    const std::ptrdiff_t wanted = threads <= 1 ? 1 : 4 * threads;
    groups = std::clamp<std::ptrdiff_t>((wanted + row_blocks - 1) / row_blocks, 1, panels);
    // Two floating-point operations on 16 columns, 32 or more in a nanosecond.
    const std::ptrdiff_t cost_of_panel = std::max<std::ptrdiff_t>(block_rows * k / 2, 1);
    group_panels = std::max((panels + groups - 1) / groups, kWorthAThread / cost_of_panel + 1);
    groups = (panels + group_panels - 1) / group_panels;
  }
};

}  // namespace

void linear(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
            MutableRows out, int threads) {
  if (out.rows == 0 || out.columns == 0) return;
  Element element = Element::kFloat32;
  switch (weight.packing()) {
    case Packing::kFloat32:
      break;
    case Packing::kFloat16:
      element = Element::kFloat16;
      break;
    case Packing::kBfloat16:
      element = Element::kBfloat16;
      break;
    case Packing::kInt8:
      return linear_int8(x, weight, bias, activation, out, threads);
    case Packing::kInt4:
    case Packing::kQ8_0:
    case Packing::kQ4_0:
    case Packing::kQ4_1:
      return linear_blocks(x, weight, bias, activation, out, threads);
  }
  const Kernels& kernel = kernels();
  if (element != Element::kFloat32 && out.rows > kernel.linear_half_rows) {
    return linear_half(x, weight, bias, activation, out, threads);
  }
  const std::ptrdiff_t panels = (weight.n() + kPanel - 1) / kPanel;
  const Grid grid(out.rows, weight.k(), panels, kernel.linear_block_rows, threads);
  parallel_for(threads, grid.row_blocks * grid.groups,
               [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                 static thread_local AlignedBuffer scratch;
                 for (std::ptrdiff_t i = begin; i < end; ++i) {
                   const std::ptrdiff_t row = i / grid.groups * grid.block_rows;
                   const std::ptrdiff_t panel = i % grid.groups * grid.group_panels;
                   LinearTask task{};
                   task.x = x.row(row);
                   task.x_stride = x.stride;
                   task.rows = std::min(grid.block_rows, out.rows - row);
                   task.k = weight.k();
                   task.element = element;
                   task.panels = weight.values().data.get();
                   task.first_panel = panel;
                   task.last_panel = std::min(panel + grid.group_panels, panels);
                   task.columns = weight.n();
                   task.bias = bias;
                   task.activate = activation_kernel(activation);
                   task.out = out.row(row);
                   task.out_stride = out.stride;
                   task.scratch = scratch.at_least(static_cast<std::size_t>(kernel.linear_scratch));
                   kernel.linear(task);
                 }
               });
}

}  // namespace quatrain
