#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/half.h"
#include "cpu/quantized.h"

namespace quatrain {

namespace {

constexpr std::ptrdiff_t kSuper = 256;  // values of a K-quant's block

// What 32 weights become: levels, and float16 numbers.
struct Block {
  std::uint8_t levels[kGroup];
  std::uint16_t scale, minimum;
};

std::uint16_t two_bytes(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(from[0] | from[1] << 8);
}

// 16 bytes have the first 16 levels in their lower halves, the others in the upper ones.
void read_nibbles(const std::uint8_t* from, std::uint8_t* levels) {
  for (std::ptrdiff_t i = 0; i < kGroup / 2; ++i) {
    levels[i] = from[i] & 15;
    levels[kGroup / 2 + i] = from[i] >> 4;
  }
}

Block read_q8_0(const std::uint8_t* from) {
  Block block{{}, two_bytes(from), 0};
  std::memcpy(block.levels, from + 2, sizeof(block.levels));
  return block;
}

Block read_q4_0(const std::uint8_t* from) {
  Block block{{}, two_bytes(from), 0};
  read_nibbles(from + 2, block.levels);
  return block;
}

Block read_q4_1(const std::uint8_t* from) {
  Block block{{}, two_bytes(from), two_bytes(from + 2)};
  read_nibbles(from + 4, block.levels);
  return block;
}

// The fifth bits are in front; levels are those of bytes.
Block read_q5_0(const std::uint8_t* from) {
  Block block{{}, two_bytes(from), 0};
  read_nibbles(from + 6, block.levels);
  for (std::ptrdiff_t i = 0; i < kGroup; ++i) {
    const int fifth = from[2 + i / 8] >> i % 8 & 1;
    block.levels[i] = static_cast<std::uint8_t>(block.levels[i] + 16 * fifth - 16);
  }
  return block;
}

// Blocks of 32 have scales and minima of 6 bits, in units of float16, which are the super-block's.
// Their products become float16: they lose 2^-12 of themselves.
Block read_q4_k(const std::uint8_t* from, std::ptrdiff_t part) {
  const std::uint8_t* six = from + 4 + part % 4;  // bits of the scale; 4 bytes on, of the minimum
  int scale = six[0] & 63, minimum = six[4] & 63;
  if (part >= 4) {
    scale = (six[8] & 15) | six[0] >> 6 << 4;
    minimum = six[8] >> 4 | six[4] >> 6 << 4;
  }
  Block block{{},
              to_float16(from_float16(two_bytes(from)) * static_cast<float>(scale)),
              to_float16(-from_float16(two_bytes(from + 2)) * static_cast<float>(minimum))};
  const std::uint8_t* nibbles = from + 16 + part / 2 * kGroup;
  for (std::ptrdiff_t i = 0; i < kGroup; ++i) {
    block.levels[i] = part % 2 == 0 ? nibbles[i] & 15 : nibbles[i] >> 4;
  }
  return block;
}

Block read_block(const std::uint8_t* row, std::ptrdiff_t group, BlockType type) {
  const std::ptrdiff_t parts = block_values(type) / kGroup;
  const std::uint8_t* const from = row + group / parts * block_bytes(type);
  switch (type) {
    case BlockType::kQ8_0:
      return read_q8_0(from);
    case BlockType::kQ4_0:
      return read_q4_0(from);
    case BlockType::kQ4_1:
      return read_q4_1(from);
    case BlockType::kQ5_0:
      return read_q5_0(from);
    case BlockType::kQ4_K:
      return read_q4_k(from, group % parts);
  }
  return {};
}

}  // namespace

std::ptrdiff_t block_values(BlockType type) { return type == BlockType::kQ4_K ? kSuper : kGroup; }

std::ptrdiff_t block_bytes(BlockType type) {
  switch (type) {
    case BlockType::kQ8_0:
      return 34;
    case BlockType::kQ4_0:
      return 18;
    case BlockType::kQ4_1:
      return 20;
    case BlockType::kQ5_0:
      return 22;
    case BlockType::kQ4_K:
      return 144;
  }
  return 0;
}

Packing packing_of(BlockType type) {
  switch (type) {
    case BlockType::kQ8_0:
    case BlockType::kQ5_0:
      return Packing::kQ8_0;
    case BlockType::kQ4_0:
      return Packing::kQ4_0;
    case BlockType::kQ4_1:
    case BlockType::kQ4_K:
      return Packing::kQ4_1;
  }
  return Packing::kQ8_0;
}

void pack_blocks(const std::uint8_t* rows, std::ptrdiff_t stride, std::ptrdiff_t count,
                 std::ptrdiff_t k, BlockType type, std::uint8_t* values, std::uint16_t* scales,
                 std::uint16_t* minima) {
  const bool bytes = packing_of(type) == Packing::kQ8_0;
  const std::ptrdiff_t groups = block_depth(k, kGroup) / kGroup;
  std::fill_n(values, groups * (bytes ? kByteGroup : kNibbleGroup), std::uint8_t{0});
  std::fill_n(scales, groups * kPanel, std::uint16_t{0});
  if (minima != nullptr) std::fill_n(minima, groups * kPanel, std::uint16_t{0});
  for (std::ptrdiff_t g = 0; g < k / kGroup; ++g) {
    for (std::ptrdiff_t j = 0; j < count; ++j) {
      const Block block = read_block(rows + j * stride, g, type);
      scales[g * kPanel + j] = block.scale;
      if (minima != nullptr) minima[g * kPanel + j] = block.minimum;
      for (std::ptrdiff_t i = 0; i < kGroup; ++i) {
        const std::uint8_t level = block.levels[i];
        if (bytes) {
          values[byte_at(g * kGroup + i, j)] = level;
        } else {
          const NibbleAt at = nibble_at(g * kGroup + i, j);
          std::uint8_t& byte = values[at.byte];
          byte = static_cast<std::uint8_t>(byte | (at.upper ? level << 4 : level));
        }
      }
    }
  }
}

void pack_q8_0(const float* panel, std::ptrdiff_t k, std::int8_t* values, std::uint16_t* scales) {
  const std::ptrdiff_t depth = block_depth(k, kGroup);
  std::fill_n(values, depth * kPanel, std::int8_t{0});
  for (std::ptrdiff_t first = 0; first < depth; first += kGroup, scales += kPanel) {
    const std::ptrdiff_t last = std::clamp(k, first, first + kGroup);
    for (std::ptrdiff_t j = 0; j < kPanel; ++j) {
      float largest = 0.0f, odd = 0.0f;
      for (std::ptrdiff_t i = first; i < last; ++i) {
        largest = std::max(largest, std::abs(panel[i * kPanel + j]));
        odd += panel[i * kPanel + j] * 0.0f;  // NaN, once there is one or an infinity
      }
      scales[j] = to_float16(largest / 127.0f + odd);
      const float scale = from_float16(scales[j]);
      if (!(scale > 0.0f)) continue;
      for (std::ptrdiff_t i = first; i < last; ++i) {
        const float level = rounded(panel[i * kPanel + j] / scale);
        values[byte_at(i, j)] = static_cast<std::int8_t>(std::clamp(level, -127.0f, 127.0f));
      }
    }
  }
}

void q8_0_row(const std::int8_t* values, const std::uint16_t* scales, std::ptrdiff_t column,
              std::ptrdiff_t k, float* out) {
  for (std::ptrdiff_t i = 0; i < k; ++i) {
    const float scale = from_float16(scales[i / kGroup * kPanel + column]);
    out[i] = scale * static_cast<float>(values[byte_at(i, column)]);
  }
}

void q4_1_row(const std::uint8_t* values, const std::uint16_t* scales, const std::uint16_t* minima,
              std::ptrdiff_t column, std::ptrdiff_t k, float* out) {
  for (std::ptrdiff_t i = 0; i < k; ++i) {
    const std::ptrdiff_t at = i / kGroup * kPanel + column;
    const auto level = static_cast<float>(nibble(values, i, column));
    out[i] = from_float16(scales[at]) * level + from_float16(minima[at]);
  }
}

}  // namespace quatrain
