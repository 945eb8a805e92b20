#include <algorithm>
#include <cstring>
#include <vector>

#include "core/aligned.h"
#include "cpu/quantized.h"
#include "cpu/schedule.h"

namespace quatrain {

namespace {

// A block of so many rows and panels is one task: its quantised rows, its panels and its results
// stay in the second cache together.
constexpr std::ptrdiff_t kBlockRows = 128;
constexpr std::ptrdiff_t kBlockPanels = 8;

// The rows of x as integers, in memory that the next call on this thread reuses.
struct QuantizedRows {
  const std::byte* values;
  const RowScale* scales;
};

QuantizedRows quantize_rows(ConstRows x, std::ptrdiff_t depth, int threads) {
  static thread_local AlignedArray<std::byte> memory;
  static thread_local std::vector<RowScale> scales;
  const IntegerKernels& kernel = integer_kernels();
  const std::ptrdiff_t row_size = depth * kernel.value_size;
  const std::ptrdiff_t filled = (x.rows + kHeight - 1) / kHeight * kHeight;
  std::byte* const values = memory.at_least(static_cast<std::size_t>(filled * row_size));
  scales.resize(static_cast<std::size_t>(x.rows));
  RowScale* const row_scales = scales.data();  // other threads have scales of their own
  for_rows(threads, x.rows, x.columns / 8, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      row_scales[i] = kernel.quantize(x.row(i), x.columns, depth, values + i * row_size);
    }
  });
  std::memset(values + x.rows * row_size, 0,
              static_cast<std::size_t>((filled - x.rows) * row_size));
  return {values, row_scales};
}

}  // namespace

void linear_int8(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
                 MutableRows out, int threads) {
  const std::ptrdiff_t depth = filled_up(weight.k());
  const std::ptrdiff_t panels = (weight.n() + kPanel - 1) / kPanel;
  const std::ptrdiff_t row_blocks = (x.rows + kBlockRows - 1) / kBlockRows;
  const std::ptrdiff_t groups = (panels + kBlockPanels - 1) / kBlockPanels;
  const QuantizedRows rows = quantize_rows(x, depth, threads);
  const IntegerKernels& kernel = integer_kernels();
  const auto finish = kernels().finish[static_cast<int>(activation)];
  const std::ptrdiff_t cost =
      std::min(x.rows, kBlockRows) * depth * kBlockPanels * kPanel / 128 + 1;  // nanoseconds
  for_rows(threads, row_blocks * groups, cost, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const std::ptrdiff_t row = i / groups * kBlockRows;
      const std::ptrdiff_t panel = i % groups * kBlockPanels;
      const std::ptrdiff_t column = panel * kPanel;
      Int8Task task{};
      task.x = rows.values + row * depth * kernel.value_size;
      task.x_scales = rows.scales + row;
      task.rows = std::min(kBlockRows, x.rows - row);
      task.depth = depth;
      task.panels = weight.bytes();
      task.scales = weight.scales();
      task.sums = weight.sums();
      task.first_panel = panel;
      task.last_panel = std::min(panel + kBlockPanels, panels);
      task.columns = weight.n();
      task.bias = bias;
      task.out = out.row(row);
      task.out_stride = out.stride;
      kernel.int8(task);
      if (activation != Activation::kNone) {
        finish(task.out + column, out.stride, task.rows,
               std::min(kBlockPanels * kPanel, weight.n() - column), nullptr);
      }
    }
  });
}

}  // namespace quatrain
