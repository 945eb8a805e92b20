#include <cstring>
#include <vector>

#include "core/aligned.h"
#include "cpu/quantized.h"

namespace quatrain {

namespace {

// The rows of x as integers, in memory that the next call on this thread reuses.
struct QuantizedRows {
  const std::byte* values;
  const RowScale* scales;
  bool tiled;
};

QuantizedRows quantize_rows(ConstRows x, std::ptrdiff_t depth, int threads) {
  static thread_local AlignedArray<std::byte> memory;
  static thread_local std::vector<RowScale> scales;
  const IntegerKernels& kernel = integer_kernels();
  const std::ptrdiff_t row_size = depth * kernel.value_size;
  const std::ptrdiff_t filled = filled_up(x.rows, kHeight), last = filled - kHeight;
  std::byte* const values = memory.at_least(static_cast<std::size_t>(filled * row_size));
  std::memset(values + last * row_size, 0, static_cast<std::size_t>(kHeight * row_size));
  scales.resize(static_cast<std::size_t>(x.rows));
  RowScale* const row_scales = scales.data();  // other threads have scales of their own
  const bool tiled = x.rows >= kernel.tiled_rows;
  const std::ptrdiff_t step = tiled ? kHeight * kDepth : kDepth;
  for_rows(threads, x.rows, x.columns / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const std::ptrdiff_t first =
          tiled ? i / kHeight * kHeight * depth + i % kHeight * kDepth : i * depth;
      row_scales[i] =
          kernel.quantize(x.row(i), x.columns, depth, step, values + first * kernel.value_size);
    }
  });
  return {values, row_scales, tiled};
}

}  // namespace

void linear_int8(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
                 MutableRows out, int threads) {
  const std::ptrdiff_t depth = filled_up(weight.k());
  const QuantizedRows rows = quantize_rows(x, depth, threads);
  const IntegerKernels& kernel = integer_kernels();
  for_blocks(out, depth, 128, threads, [&](auto row, auto count, auto first, auto last) {
    Int8Task task{};
    task.x = rows.values + row * depth * kernel.value_size;
    task.tiled = rows.tiled;
    task.x_scales = rows.scales + row;
    task.rows = count;
    task.depth = depth;
    task.panels = weight.values().as<std::int8_t>();
    task.scales = weight.scales().as<float>();
    task.sums = weight.extra().as<std::int32_t>();
    task.first_panel = first;
    task.last_panel = last;
    task.columns = weight.n();
    task.bias = bias;
    task.out = out.row(row);
    task.out_stride = out.stride;
    kernel.int8(task);
    activate_block(activation, out, row, count, first, last);
  });
}

}  // namespace quatrain
