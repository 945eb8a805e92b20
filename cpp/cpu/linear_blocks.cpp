#include <algorithm>

#include "core/aligned.h"
#include "cpu/quantized.h"

namespace quatrain {

namespace {

BlockForm form_of(const PackedWeight& weight) {
  if (weight.packing() == Packing::kQ8_0) return BlockForm::kBytes;
  if (weight.packing() == Packing::kQ4_1) return BlockForm::kMinima;
  return weight.zero_points() ? BlockForm::kZeros : BlockForm::kMiddle;
}

}  // namespace

void linear_blocks(ConstRows x, const PackedWeight& weight, const float* bias,
                   Activation activation, MutableRows out, int threads) {
  // Memory that the next call on this thread reuses.
  static thread_local AlignedArray<std::int8_t> value_memory;
  static thread_local AlignedArray<GroupScale> scale_memory;
  const std::ptrdiff_t depth = block_depth(weight.k(), weight.block()), groups = depth / kGroup;
  const IntegerKernels& kernel = integer_kernels();
  const BlockForm form = form_of(weight);
  const std::ptrdiff_t most = filled_up(x.rows, kHeight);
  const std::ptrdiff_t filled = x.rows >= kernel.filled_rows ? most : x.rows;
  GroupScale* const scales = scale_memory.at_least(static_cast<std::size_t>(most * groups));
  std::int8_t* const values = value_memory.at_least(static_cast<std::size_t>(filled * depth));
  std::fill(values + x.rows * depth, values + filled * depth, std::int8_t{0});
  // The scales of 16 rows lie side by side, group after group.
  const auto first_scale = [=](std::ptrdiff_t row) {
    return scales + row / kHeight * kHeight * groups + row % kHeight;
  };
  for (std::ptrdiff_t i = x.rows; i < filled; ++i) {
    for (std::ptrdiff_t g = 0; g < groups; ++g) first_scale(i)[g * kHeight] = {};
  }
  for_rows(threads, x.rows, x.columns / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel.quantize_groups(x.row(i), x.columns, depth, values + i * depth, first_scale(i));
    }
  });
  const std::ptrdiff_t speed = out.rows == 1 ? 16 : 64;  // one row waits for memory
  for_blocks(out, depth, speed, threads, [&](auto row, auto count, auto first, auto last) {
    static thread_local AlignedArray<std::int8_t> panel_memory;
    BlockTask task{};
    task.form = form;
    task.x = values + row * depth;
    task.x_scales = first_scale(row);
    task.rows = count;
    task.depth = depth;
    task.block = weight.block();
    task.panels = weight.values().as<std::uint8_t>();
    task.scales = weight.scales().as<std::uint16_t>();
    task.shifts = weight.extra().data.get();
    task.first_panel = first;
    task.last_panel = last;
    task.columns = weight.n();
    task.bias = bias;
    task.out = out.row(row);
    task.out_stride = out.stride;
    task.scratch = panel_memory.at_least(static_cast<std::size_t>(depth * kPanel));
    kernel.blocks(task);
    activate_block(activation, out, row, count, first, last);
  });
}

}  // namespace quatrain
