#include <vector>

#include "core/aligned.h"
#include "cpu/quantized.h"

namespace quatrain {

void linear_int4(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
                 MutableRows out, int threads) {
  // Memory that the next call on this thread reuses.
  static thread_local AlignedArray<std::int8_t> value_memory;
  static thread_local std::vector<GroupScale> scale_memory;
  const std::ptrdiff_t depth = filled_up(weight.k(), kMostBlock), groups = depth / kGroup;
  const IntegerKernels& kernel = integer_kernels();
  scale_memory.resize(static_cast<std::size_t>(x.rows * groups));
  GroupScale* const scales = scale_memory.data();
  std::int8_t* const values = value_memory.at_least(static_cast<std::size_t>(x.rows * depth));
  for_rows(threads, x.rows, x.columns / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel.quantize_groups(x.row(i), x.columns, depth, values + i * depth, scales + i * groups);
    }
  });
  for_blocks(out, depth, 64, threads, [&](auto row, auto count, auto first, auto last) {
    Int4Task task{};
    task.x = values + row * depth;
    task.x_scales = scales + row * groups;
    task.rows = count;
    task.depth = depth;
    task.block = weight.block();
    task.panels = weight.values().as<std::uint8_t>();
    task.scales = weight.scales().as<std::uint16_t>();
    task.zeros = weight.extra().as<std::uint8_t>();
    task.first_panel = first;
    task.last_panel = last;
    task.columns = weight.n();
    task.bias = bias;
    task.out = out.row(row);
    task.out_stride = out.stride;
    kernel.int4(task);
    activate_block(activation, out, row, count, first, last);
  });
}

}  // namespace quatrain
