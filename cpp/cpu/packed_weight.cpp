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

// Of N and of K: the bytes of a weight can be counted.
constexpr std::ptrdiff_t kMostSize = std::ptrdiff_t{1} << 29;

std::ptrdiff_t panels_of(std::ptrdiff_t n) {
  check(0 <= n && n <= kMostSize, "pack", "expected N from 0 to ", kMostSize, ", got ", n);
  return (n + kPanel - 1) / kPanel;
}

// Memory for a part, to be written into; null for a part that a weight does not have.
void* allocate(std::ptrdiff_t panels, const PartForm& form, Part& part) {
  if (form.bytes == 0) return nullptr;
  part.bytes = static_cast<std::size_t>(panels * form.bytes);
  const std::shared_ptr<void> memory = allocate_together(part.bytes);
  part.data = memory;
  return memory.get();
}

// Blocks that a packing has not got one size alone of.
std::ptrdiff_t block_of(Packing packing, std::ptrdiff_t wanted) {
  switch (packing) {
    case Packing::kQ8_0:
    case Packing::kQ4_0:
    case Packing::kQ4_1:
      return kGroup;
    default:
      return wanted;
  }
}

}  // namespace

std::array<PartForm, 3> PackedWeight::forms(std::ptrdiff_t k, Packing packing, std::ptrdiff_t block,
                                            bool zero_points) {
  check(0 <= k && k <= kMostSize, "pack", "expected K from 0 to ", kMostSize, ", got ", k);
  switch (packing) {
    case Packing::kFloat32:
      return {{{"panels", "float32", k * kPanel * 4}}};
    case Packing::kFloat16:
      return {{{"panels", "float16", k * kPanel * 2}}};
    case Packing::kBfloat16:
      return {{{"panels", "bfloat16", k * kPanel * 2}}};
    case Packing::kInt8:
      check(k <= kMostDepth, "pack", "expected K <= ", kMostDepth, " for int8, got ", k);
      return {{{"panels", "int8", filled_up(k) * kPanel},
               {"scales", "float32", kPanel * 4},
               {"sums", "int32", kPanel * 4}}};
    case Packing::kInt4: {
      check(block == 32 || block == 128, "pack", "expected a block of 32 or 128, got ", block);
      const std::ptrdiff_t depth = block_depth(k, block), columns = depth / block * kPanel;
      const PartForm zeros{"zeros", "uint8", columns};
      return {{{"panels", "uint8", depth / kGroup * kNibbleGroup},
               {"scales", "float16", columns * 2},
               zero_points ? zeros : PartForm{}}};
    }
    case Packing::kQ8_0:
    case Packing::kQ4_0:
    case Packing::kQ4_1: {
      const std::ptrdiff_t groups = block_depth(k, kGroup) / kGroup, columns = groups * kPanel;
      const PartForm minima{"minima", "float16", columns * 2};
      const bool bytes = packing == Packing::kQ8_0;
      return {{bytes ? PartForm{"panels", "int8", groups * kByteGroup}
                     : PartForm{"panels", "uint8", groups * kNibbleGroup},
               {"scales", "float16", columns * 2},
               packing == Packing::kQ4_1 ? minima : PartForm{}}};
    }
  }
  return {};
}

PackedWeight::PackedWeight(std::ptrdiff_t n, std::ptrdiff_t k, Packing packing,
                           std::ptrdiff_t block, bool zero_points, std::array<Part, 3> parts)
    : n_(n), k_(k), packing_(packing), block_(block_of(packing, block)) {
  const std::ptrdiff_t panels = panels_of(n);
  const std::array<PartForm, 3> wanted = forms(k, packing, block, zero_points);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto bytes = static_cast<std::size_t>(panels * wanted[i].bytes);
    check(parts[i].bytes == bytes, "pack", "expected ", bytes, " bytes of ", wanted[i].name,
          ", got ", parts[i].bytes);
  }
  values_ = std::move(parts[0]);
  scales_ = std::move(parts[1]);
  extra_ = std::move(parts[2]);
}

PackedWeight::PackedWeight(const WeightView& weight, Packing packing, std::ptrdiff_t block,
                           bool zero_points, int threads)
    : n_(weight.n), k_(weight.k), packing_(packing), block_(block_of(packing, block)) {
  check(packing != Packing::kQ4_1, "pack", "expected another dtype than q4_1, which files have");
  const std::ptrdiff_t panels = panels_of(n_), size = k_ * kPanel;
  const std::array<PartForm, 3> wanted = forms(k_, packing, block, zero_points);
  void* const first = allocate(panels, wanted[0], values_);
  void* const second = allocate(panels, wanted[1], scales_);
  void* const third = allocate(panels, wanted[2], extra_);
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
      auto* const values = static_cast<float*>(first);
      for_rows(threads, panels, size, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        for (std::ptrdiff_t p = begin; p < end; ++p) {
          pack_one(weight, p * kPanel, values + p * size);
        }
      });
      return;
    }
    case Packing::kFloat16:
    case Packing::kBfloat16: {
      auto* const values = static_cast<std::uint16_t*>(first);
      const auto narrow = packing == Packing::kFloat16 ? to_float16 : to_bfloat16;
      each_panel([=](std::ptrdiff_t p, const float* panel) {
        std::transform(panel, panel + size, values + p * size, narrow);
      });
      return;
    }
    case Packing::kInt8: {
      auto* const values = static_cast<std::int8_t*>(first);
      auto* const scales = static_cast<float*>(second);
      auto* const sums = static_cast<std::int32_t*>(third);
      const std::ptrdiff_t bytes = wanted[0].bytes;
      each_panel([=, this](std::ptrdiff_t p, const float* panel) {
        pack_int8(panel, k_, values + p * bytes, scales + p * kPanel, sums + p * kPanel);
      });
      return;
    }
    case Packing::kInt4:
    case Packing::kQ4_0: {
      auto* const values = static_cast<std::uint8_t*>(first);
      auto* const scales = static_cast<std::uint16_t*>(second);
      auto* const zeros = static_cast<std::uint8_t*>(third);
      const std::ptrdiff_t bytes = wanted[0].bytes, columns = wanted[1].bytes / 2;
      each_panel([=, this](std::ptrdiff_t p, const float* panel) {
        pack_int4(panel, k_, block_, values + p * bytes, scales + p * columns,
                  zeros == nullptr ? nullptr : zeros + p * columns);
      });
      return;
    }
    case Packing::kQ8_0: {
      auto* const values = static_cast<std::int8_t*>(first);
      auto* const scales = static_cast<std::uint16_t*>(second);
      const std::ptrdiff_t bytes = wanted[0].bytes, columns = wanted[1].bytes / 2;
      each_panel([=, this](std::ptrdiff_t p, const float* panel) {
        pack_q8_0(panel, k_, values + p * bytes, scales + p * columns);
      });
      return;
    }
    case Packing::kQ4_1:
      return;
  }
}

PackedWeight::PackedWeight(const BlocksView& blocks, int threads)
    : n_(blocks.n), k_(blocks.k), packing_(packing_of(blocks.type)), block_(kGroup) {
  const std::ptrdiff_t values_of_block = block_values(blocks.type);
  check(k_ % values_of_block == 0, "pack", "expected K to be a multiple of ", values_of_block,
        ", got ", k_);
  const std::ptrdiff_t panels = panels_of(n_);
  const std::array<PartForm, 3> wanted = forms(k_, packing_, block_, false);
  auto* const values = static_cast<std::uint8_t*>(allocate(panels, wanted[0], values_));
  auto* const scales = static_cast<std::uint16_t*>(allocate(panels, wanted[1], scales_));
  auto* const minima = static_cast<std::uint16_t*>(allocate(panels, wanted[2], extra_));
  const std::ptrdiff_t bytes = wanted[0].bytes, columns = wanted[1].bytes / 2;
  for_rows(threads, panels, 4 * k_ * kPanel, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t p = begin; p < end; ++p) {
      const std::uint8_t* rows = blocks.data + p * kPanel * blocks.stride;
      pack_blocks(rows, blocks.stride, std::min(kPanel, n_ - p * kPanel), k_, blocks.type,
                  values + p * bytes, scales + p * columns,
                  minima == nullptr ? nullptr : minima + p * columns);
    }
  });
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
        for (std::ptrdiff_t k = 0; k < k_; ++k) row[k] = values_.as<float>()[at + k * kPanel];
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
      case Packing::kInt4:
      case Packing::kQ4_0: {
        const std::ptrdiff_t depth = block_depth(k_, block_);
        const std::ptrdiff_t first = panel * (depth / block_) * kPanel;
        int4_row(values_.as<std::uint8_t>() + panel * (depth / kGroup) * kNibbleGroup,
                 scales_.as<std::uint16_t>() + first,
                 extra_.bytes == 0 ? nullptr : extra_.as<std::uint8_t>() + first, block_, column,
                 k_, row);
        break;
      }
      case Packing::kQ8_0: {
        const std::ptrdiff_t first = panel * (block_depth(k_, kGroup) / kGroup);
        q8_0_row(values_.as<std::int8_t>() + first * kByteGroup,
                 scales_.as<std::uint16_t>() + first * kPanel, column, k_, row);
        break;
      }
      case Packing::kQ4_1: {
        const std::ptrdiff_t first = panel * (block_depth(k_, kGroup) / kGroup);
        q4_1_row(values_.as<std::uint8_t>() + first * kNibbleGroup,
                 scales_.as<std::uint16_t>() + first * kPanel,
                 extra_.as<std::uint16_t>() + first * kPanel, column, k_, row);
        break;
      }
    }
  }
}

}  // namespace quatrain
