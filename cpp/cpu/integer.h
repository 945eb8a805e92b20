// The kernels of quantised weights: a table of their own, for there are instruction sets that
// differ in integer products alone. A kernel runs on one thread, over rows and panels that its
// caller has checked and cut.
//
// Products of integers are exact, so every instruction set gives the same integers; what follows
// is one sequence of float32 operations for each output value, without fused ones, so the results
// are equal bit by bit on all of them too.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/kernels.h"

namespace quatrain {

// A panel of int8 weights is [K / 4][kPanel][4]: four steps of k for one column after another.
inline constexpr std::ptrdiff_t kQuad = 4;
// K is filled up with zeros to a multiple of this, the depth of a matrix register.
inline constexpr std::ptrdiff_t kDepth = 64;
// Sums of so many products of a byte and a weight, less their zero points, stay within int32.
inline constexpr std::ptrdiff_t kMostDepth = 65536;
inline constexpr std::ptrdiff_t kLine = kPanel * kQuad;
// Of weights in blocks, so many steps of k are a group: eight lines as int8 panels have them, or
// four of 4-bit weights, with steps [8i, 8i + 4) of k in the lower halves of line i, [8i + 4,
// 8i + 8) in the upper ones.
inline constexpr std::ptrdiff_t kGroup = 32;
inline constexpr std::ptrdiff_t kByteGroup = kGroup * kPanel, kNibbleGroup = kByteGroup / 2;
// Rows of the quantised left factor are filled up to a multiple of this, the height of a matrix
// register, where there are enough of them for one.
inline constexpr std::ptrdiff_t kHeight = 16;

// x is (value - zero) * scale, value in [0, 255]. NaN scales stand for rows that hold NaN or
// infinity.
struct RowScale {
  float scale;
  std::int32_t zero;
};

// out[m, n] = scale[m] scale[n] sum_k (x[m, k] - zero[m]) w[n, k] + bias[n] for all rows and a
// range of panels.
struct Int8Task {
  // [rows, up to a multiple of kHeight][depth], as quantize() wrote them; `tiled`, as matrix
  // registers take them: [rows / kHeight][depth / kDepth][kHeight][kDepth]
  const void* x;
  bool tiled;
  const RowScale* x_scales;
  std::ptrdiff_t rows;
  std::ptrdiff_t depth;  // K, filled up
  const std::int8_t* panels;
  const float* scales;       // of the columns
  const std::int32_t* sums;  // sum_k w[n, k]
  std::ptrdiff_t first_panel, last_panel;
  std::ptrdiff_t columns;  // of the whole weight
  const float* bias;       // may be null
  float* out;
  std::ptrdiff_t out_stride;
};

// x is value * scale, value in [-127, 127], for each group of k; `sum` is that of the values.
struct GroupScale {
  float scale;
  std::int32_t sum;
};

// What a weight in a block is, of the level l that is stored:
//   kBytes: scale * l, l in [-128, 127]; the others have 4 bits:
//   kMiddle: scale * (l - 8)
//   kZeros: scale * (l - the block's zero point)
//   kMinima: scale * l + the block's minimum
enum class BlockForm { kBytes, kMiddle, kZeros, kMinima };
inline constexpr std::int32_t kMiddle = 8;

// out[m, n] = sum over groups, one after another, of scale[m, group] scale[n, group's block]
// sum_k x[m, k] (l[n, k] - zero[n, block]), and, of minima, scale[m, group] sum_k x[m, k]
// minimum[n, block]; plus bias[n].
struct BlockTask {
  BlockForm form;
  const std::int8_t* x;        // [rows][depth], as quantize_groups() wrote them
  const GroupScale* x_scales;  // [rows / kHeight, filled up][depth / kGroup][kHeight]
  std::ptrdiff_t rows;
  std::ptrdiff_t depth;  // K, filled up to a multiple of 2 * kGroup
  std::ptrdiff_t block;  // a multiple of kGroup
  const std::uint8_t* panels;
  const std::uint16_t* scales;  // float16 [panel][depth / block][kPanel]
  const void* shifts;           // the same of uint8 zero points or float16 minima, by the form
  std::ptrdiff_t first_panel, last_panel;
  std::ptrdiff_t columns;
  const float* bias;
  float* out;
  std::ptrdiff_t out_stride;
  std::int8_t* scratch;  // a panel in bytes: depth * kPanel
};

// How the columns of a panel's block are held: value v as level l, v ~ (l - zero) * scale.
struct Int4Levels {
  float scales[kPanel];
  float inverses[kPanel];  // 1 / scale, or 0 for 0
  float zeros[kPanel];     // whole numbers in [0, 15]
};

struct IntegerKernels {
  // Bytes that a value quantised by quantize() takes.
  std::ptrdiff_t value_size;
  // Rows of x from which on int8() wants them tiled.
  std::ptrdiff_t tiled_rows;
  // A row of k floats, as `depth` values; every kDepth of them begin `step` behind those before.
  RowScale (*quantize)(const float* x, std::ptrdiff_t k, std::ptrdiff_t depth, std::ptrdiff_t step,
                       void* values);
  void (*int8)(const Int8Task& task);
  // A row of k floats, as `depth` values and the scales of their groups, kHeight apart.
  void (*quantize_groups)(const float* x, std::ptrdiff_t k, std::ptrdiff_t depth,
                          std::int8_t* values, GroupScale* scales);
  // Rows of x from which on blocks() wants them filled up with zeros.
  std::ptrdiff_t filled_rows;
  void (*blocks)(const BlockTask& task);
  // errors[j] = the sum over lines of the squares of what column j loses.
  void (*int4_errors)(const float* lines, std::ptrdiff_t count, const Int4Levels& levels,
                      float* errors);
};

// The table that selected_isa() names, chosen at the first call.
const IntegerKernels& integer_kernels();

// One per instruction set compiled in.
const IntegerKernels& portable_integers();
const IntegerKernels& avx2_integers();
const IntegerKernels& avx_vnni_integers();
const IntegerKernels& avx512_integers();
const IntegerKernels& avx512_vnni_integers();
const IntegerKernels& amx_integers();
const IntegerKernels& neon_integers();
const IntegerKernels& neon_dotprod_integers();

}  // namespace quatrain
