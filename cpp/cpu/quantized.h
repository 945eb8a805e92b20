// Panels of weights in fewer bits, and the products with them that linear() chooses from.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cpu/integer.h"
#include "cpu/schedule.h"
#include "ops/linear.h"

namespace quatrain {

// K with the zeros that fill up a panel.
constexpr std::ptrdiff_t filled_up(std::ptrdiff_t k, std::ptrdiff_t to = kDepth) {
  return (k + to - 1) / to * to;
}
// K of weights in blocks is filled up to whole blocks, and an even number of groups.
constexpr std::ptrdiff_t block_depth(std::ptrdiff_t k, std::ptrdiff_t block) {
  return filled_up(k, std::max(block, 2 * kGroup));
}

// Where the weight of a step of a group lies, in one column of a panel of 4 bits: which byte, and
// whether in its upper half.
struct NibbleAt {
  std::ptrdiff_t byte;
  bool upper;
};
constexpr NibbleAt nibble_at(std::ptrdiff_t k, std::ptrdiff_t column) {
  const std::ptrdiff_t step = k % kGroup;
  const std::ptrdiff_t line = k / kGroup * kNibbleGroup + step / (2 * kQuad) * kLine;
  return {line + column * kQuad + step % kQuad, step % (2 * kQuad) >= kQuad};
}
inline int nibble(const std::uint8_t* values, std::ptrdiff_t k, std::ptrdiff_t column) {
  const NibbleAt at = nibble_at(k, column);
  return at.upper ? values[at.byte] >> 4 : values[at.byte] & 15;
}
// The same of a panel of bytes.
constexpr std::ptrdiff_t byte_at(std::ptrdiff_t k, std::ptrdiff_t column) {
  return k / kQuad * kLine + column * kQuad + k % kQuad;
}

// The nearest integer, ties to even, of magnitudes below 2^22.
inline float rounded(float x) {
  constexpr float kMagic = 12582912.0f;
  return (x + kMagic) - kMagic;
}

// From a panel [k][kPanel] of floats. A column with NaN or infinity gets a scale of NaN (of 4-bit
// weights, its block).
void pack_int8(const float* panel, std::ptrdiff_t k, std::int8_t* values, float* scales,
               std::int32_t* sums);
void pack_int4(const float* panel, std::ptrdiff_t k, std::ptrdiff_t block, std::uint8_t* values,
               std::uint16_t* scales, std::uint8_t* zeros);
void pack_q8_0(const float* panel, std::ptrdiff_t k, std::int8_t* values, std::uint16_t* scales);

// From `count` rows of a file's blocks, `stride` bytes apart; minima may be null.
void pack_blocks(const std::uint8_t* rows, std::ptrdiff_t stride, std::ptrdiff_t count,
                 std::ptrdiff_t k, BlockType type, std::uint8_t* values, std::uint16_t* scales,
                 std::uint16_t* minima);

// Column `column` of a panel as floats.
void int8_row(const std::int8_t* values, std::ptrdiff_t column, float scale, std::ptrdiff_t k,
              float* out);
void int4_row(const std::uint8_t* values, const std::uint16_t* scales, const std::uint8_t* zeros,
              std::ptrdiff_t block, std::ptrdiff_t column, std::ptrdiff_t k, float* out);
void q8_0_row(const std::int8_t* values, const std::uint16_t* scales, std::ptrdiff_t column,
              std::ptrdiff_t k, float* out);
void q4_1_row(const std::uint8_t* values, const std::uint16_t* scales, const std::uint16_t* minima,
              std::ptrdiff_t column, std::ptrdiff_t k, float* out);

void linear_half(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
                 MutableRows out, int threads);
void linear_int8(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
                 MutableRows out, int threads);
void linear_blocks(ConstRows x, const PackedWeight& weight, const float* bias,
                   Activation activation, MutableRows out, int threads);

// fn(row, rows, first_panel, last_panel) for blocks of which the left factor, the panels and the
// results stay in the second cache together. A nanosecond of one thread does `speed` products.
template <class F>
void for_blocks(MutableRows out, std::ptrdiff_t k, std::ptrdiff_t speed, int threads, const F& fn) {
  constexpr std::ptrdiff_t kBlockRows = 128, kBlockPanels = 8;
  const std::ptrdiff_t panels = (out.columns + kPanel - 1) / kPanel;
  const std::ptrdiff_t row_blocks = (out.rows + kBlockRows - 1) / kBlockRows;
  const std::ptrdiff_t groups = (panels + kBlockPanels - 1) / kBlockPanels;
  const std::ptrdiff_t cost = std::min(out.rows, kBlockRows) * k * kBlockPanels * kPanel / speed;
  for_rows(threads, row_blocks * groups, cost, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const std::ptrdiff_t row = i / groups * kBlockRows, panel = i % groups * kBlockPanels;
      fn(row, std::min(kBlockRows, out.rows - row), panel, std::min(panel + kBlockPanels, panels));
    }
  });
}

// out = act(out) on what a block's panels gave.
inline void activate_block(Activation activation, const MutableRows& out, std::ptrdiff_t row,
                           std::ptrdiff_t rows, std::ptrdiff_t first_panel,
                           std::ptrdiff_t last_panel) {
  const auto activate = activation_kernel(activation);
  if (activate == nullptr) return;
  const std::ptrdiff_t begin = first_panel * kPanel;
  const std::ptrdiff_t columns = std::min(last_panel * kPanel, out.columns) - begin;
  for (std::ptrdiff_t i = row; i < row + rows; ++i) {
    activate(out.row(i) + begin, out.row(i) + begin, columns);
  }
}

}  // namespace quatrain
