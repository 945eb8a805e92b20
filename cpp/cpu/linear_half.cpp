#include <algorithm>

#include "core/aligned.h"
#include "cpu/quantized.h"

namespace quatrain {

// A few panels at a time become float32 in the cache, and the product of float32 does the rest:
// its bits are those of the widened weight.
void linear_half(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
                 MutableRows out, int threads) {
  constexpr std::ptrdiff_t kPanels = 4;
  const Kernels& kernel = kernels();
  const auto widen =
      weight.packing() == Packing::kFloat16 ? kernel.widen_float16 : kernel.widen_bfloat16;
  const std::ptrdiff_t panel_size = weight.k() * kPanel;
  for_blocks(out, weight.k(), 16, threads, [&](auto row, auto count, auto first, auto last) {
    static thread_local AlignedBuffer scratch, wide;
    LinearTask task{};
    task.x = x.row(row);
    task.x_stride = x.stride;
    task.rows = count;
    task.k = weight.k();
    task.activate = activation_kernel(activation);
    task.out_stride = out.stride;
    task.scratch = scratch.at_least(static_cast<std::size_t>(kernel.linear_scratch));
    float* const panels = wide.at_least(static_cast<std::size_t>(kPanels * panel_size));
    task.panels = panels;
    for (std::ptrdiff_t panel = first; panel < last; panel += kPanels) {
      task.last_panel = std::min(kPanels, last - panel);
      widen(weight.values().as<std::uint16_t>() + panel * panel_size, panels,
            task.last_panel * panel_size);
      const std::ptrdiff_t column = panel * kPanel;
      task.columns = weight.n() - column;
      task.bias = bias == nullptr ? nullptr : bias + column;
      task.out = out.row(row) + column;
      kernel.linear(task);
    }
  });
}

}  // namespace quatrain
