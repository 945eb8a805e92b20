#include <algorithm>
#include <cstdint>
#include <memory>

#include "core/aligned.h"
#include "core/check.h"
#include "core/half.h"
#include "core/pages.h"
#include "cpu/kernels.h"
#include "cpu/quantized.h"
#include "cpu/schedule.h"
#include "ops/embedding.h"
#include "ops/linear.h"

namespace quatrain {

namespace {

// One panel, element by element: any strides, any type.
template <class Source, class Convert>
void pack_any(const WeightView& w, std::ptrdiff_t first, std::ptrdiff_t count, float* panel,
              Convert convert) {
  const Source* source = static_cast<const Source*>(w.data) + first * w.n_stride;
  std::fill_n(panel, w.k * kPanel, 0.0f);
  const auto copy = [&](std::ptrdiff_t i, std::ptrdiff_t k) {
    panel[k * kPanel + i] = convert(source[i * w.n_stride + k * w.k_stride]);
  };
  if (w.n_stride < w.k_stride) {  // a transposed view: along the memory as it lies
    for (std::ptrdiff_t k = 0; k < w.k; ++k) {
      for (std::ptrdiff_t i = 0; i < count; ++i) copy(i, k);
    }
  } else {
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      for (std::ptrdiff_t k = 0; k < w.k; ++k) copy(i, k);
    }
  }
}

void pack_one(const WeightView& w, std::ptrdiff_t first, float* panel) {
  const std::ptrdiff_t count = std::min(kPanel, w.n - first);
  switch (w.type) {
    case WeightType::kFloat32:
      if (w.k_stride == 1) {
        const float* rows = static_cast<const float*>(w.data) + first * w.n_stride;
        kernels().pack_panel(rows, w.n_stride, count, w.k, panel);
      } else {
        pack_any<float>(w, first, count, panel, [](float x) { return x; });
      }
      return;
    case WeightType::kFloat16:
      return pack_any<std::uint16_t>(w, first, count, panel, from_float16);
    case WeightType::kBfloat16:
      return pack_any<std::uint16_t>(w, first, count, panel, from_bfloat16);
  }
}

template <class T>
T* allocate(std::ptrdiff_t size, Part& part) {
  part.bytes = static_cast<std::size_t>(size) * sizeof(T);
  const auto pages = std::make_shared<const Pages>(part.bytes);
  part.data = {pages, pages->data()};
  return static_cast<T*>(pages->data());
}

}  // namespace

PackedWeight::PackedWeight(const WeightView& weight, Packing packing, std::ptrdiff_t block,
                           bool zero_points, int threads)
    : n_(weight.n), k_(weight.k), packing_(packing), block_(block) {
  const std::ptrdiff_t panels = (n_ + kPanel - 1) / kPanel, size = k_ * kPanel;
  // Panels of floats, which `keep` stores.
  const auto each_panel = [&](const auto& keep) {
    for_rows(threads, panels, 4 * size, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
      const AlignedBuffer panel(static_cast<std::size_t>(size));
      for (std::ptrdiff_t p = begin; p < end; ++p) {
        pack_one(weight, p * kPanel, panel.data());
        keep(p, panel.data());
      }
    });
  };
  switch (packing) {
    case Packing::kFloat32: {
      float* const values = allocate<float>(panels * size, values_);
      for_rows(threads, panels, size, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        for (std::ptrdiff_t p = begin; p < end; ++p) {
          pack_one(weight, p * kPanel, values + p * size);
        }
      });
      return;
    }
    case Packing::kFloat16:
    case Packing::kBfloat16: {
      auto* const values = allocate<std::uint16_t>(panels * size, values_);
      const auto narrow = packing == Packing::kFloat16 ? to_float16 : to_bfloat16;
      each_panel([=](std::ptrdiff_t p, const float* panel) {
        std::transform(panel, panel + size, values + p * size, narrow);
      });
      return;
    }
    case Packing::kInt8: {
      const std::ptrdiff_t depth = filled_up(k_);
      check(depth <= kMostDepth, "pack", "expected K <= ", kMostDepth, " for int8, got ", k_);
      auto* const values = allocate<std::int8_t>(panels * kPanel * depth, values_);
      float* const scales = allocate<float>(panels * kPanel, scales_);
      auto* const sums = allocate<std::int32_t>(panels * kPanel, extra_);
      each_panel([=, this](std::ptrdiff_t p, const float* panel) {
        pack_int8(panel, k_, values + p * kPanel * depth, scales + p * kPanel, sums + p * kPanel);
      });
      return;
    }
    case Packing::kInt4: {
      check(block == 32 || block == 128, "pack", "expected a block of 32 or 128, got ", block);
      const std::ptrdiff_t depth = filled_up(k_, kMostBlock), blocks = depth / block;
      const std::ptrdiff_t bytes = depth / kGroup * kGroupBytes;
      auto* const values = allocate<std::uint8_t>(panels * bytes, values_);
      auto* const scales = allocate<std::uint16_t>(panels * blocks * kPanel, scales_);
      auto* const zeros =
          zero_points ? allocate<std::uint8_t>(panels * blocks * kPanel, extra_) : nullptr;
      each_panel([=, this](std::ptrdiff_t p, const float* panel) {
        const std::ptrdiff_t at = p * blocks * kPanel;
        pack_int4(panel, k_, block, values + p * bytes, scales + at,
                  zeros == nullptr ? nullptr : zeros + at);
      });
      return;
    }
  }
}

void PackedWeight::rows(const std::int64_t* ids, MutableRows out) const {
  check_ids("rows", ids, out.rows, n_);
  const auto from_halves = [&](const std::uint16_t* source, float* row, auto widened) {
    for (std::ptrdiff_t k = 0; k < k_; ++k) row[k] = widened(source[k * kPanel]);
  };
  for (std::ptrdiff_t i = 0; i < out.rows; ++i) {
    const auto id = static_cast<std::ptrdiff_t>(ids[i]);
    const std::ptrdiff_t panel = id / kPanel, column = id % kPanel,
                         at = panel * k_ * kPanel + column;
    float* const row = out.row(i);
    switch (packing_) {
      case Packing::kFloat32:
        for (std::ptrdiff_t k = 0; k < k_; ++k) row[k] = panels()[at + k * kPanel];
        break;
      case Packing::kFloat16:
        from_halves(values_.as<std::uint16_t>() + at, row, from_float16);
        break;
      case Packing::kBfloat16:
        from_halves(values_.as<std::uint16_t>() + at, row, from_bfloat16);
        break;
      case Packing::kInt8:
        int8_row(values_.as<std::int8_t>() + panel * filled_up(k_) * kPanel, column,
                 scales_.as<float>()[id], k_, row);
        break;
      case Packing::kInt4: {
        const std::ptrdiff_t depth = filled_up(k_, kMostBlock);
        const std::ptrdiff_t first = panel * (depth / block_) * kPanel;
        int4_row(values_.as<std::uint8_t>() + panel * (depth / kGroup) * kGroupBytes,
                 scales_.as<std::uint16_t>() + first,
                 extra_.bytes == 0 ? nullptr : extra_.as<std::uint8_t>() + first, block_, column,
                 k_, row);
        break;
      }
    }
  }
}

}  // namespace quatrain
