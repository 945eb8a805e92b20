#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>

#include "core/aligned.h"
#include "core/check.h"
#include "core/pages.h"
#include "cpu/kernels.h"
#include "cpu/quantized.h"
#include "cpu/schedule.h"
#include "ops/embedding.h"
#include "ops/linear.h"

namespace quatrain {

namespace {

float from_float16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0x1fu) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // zero or subnormal
  return sign == 0 ? magnitude : -magnitude;
}

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

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

PackedWeight::PackedWeight(const WeightView& weight, Packing packing, int threads)
    : n_(weight.n), k_(weight.k), packing_(packing) {
  const std::ptrdiff_t panels = (n_ + kPanel - 1) / kPanel;
  const std::ptrdiff_t size = k_ * kPanel;
  if (packing == Packing::kFloat32) {
    float* const values = allocate<float>(panels * size, values_);
    for_rows(threads, panels, size, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
      for (std::ptrdiff_t p = begin; p < end; ++p) {
        pack_one(weight, p * kPanel, values + p * size);
      }
    });
    return;
  }
  const std::ptrdiff_t depth = filled_up(k_);
  check(depth <= kMostDepth, "pack", "expected K <= ", kMostDepth, " for int8, got ", k_);
  auto* const values = allocate<std::int8_t>(panels * kPanel * depth, values_);
  float* const scales = allocate<float>(panels * kPanel, scales_);
  auto* const sums = allocate<std::int32_t>(panels * kPanel, sums_);
  for_rows(threads, panels, 4 * size, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    const AlignedBuffer panel(static_cast<std::size_t>(size));
    for (std::ptrdiff_t p = begin; p < end; ++p) {
      pack_one(weight, p * kPanel, panel.data());
      pack_int8(panel.data(), k_, values + p * kPanel * depth, scales + p * kPanel,
                sums + p * kPanel);
    }
  });
}

void PackedWeight::rows(const std::int64_t* ids, MutableRows out) const {
  check_ids("rows", ids, out.rows, n_);
  for (std::ptrdiff_t i = 0; i < out.rows; ++i) {
    const auto id = static_cast<std::ptrdiff_t>(ids[i]);
    const std::ptrdiff_t panel = id / kPanel, column = id % kPanel;
    if (packing_ == Packing::kFloat32) {
      const float* source = panels() + panel * k_ * kPanel + column;
      for (std::ptrdiff_t k = 0; k < k_; ++k) out.row(i)[k] = source[k * kPanel];
    } else {
      int8_row(bytes() + panel * filled_up(k_) * kPanel, column, scales()[id], k_, out.row(i));
    }
  }
}

}  // namespace quatrain
