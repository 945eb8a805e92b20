// The affine map, its weight packed once.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "core/tensor.h"
#include "ops/activation.h"

namespace quatrain {

enum class WeightType { kFloat32, kFloat16, kBfloat16 };

// A matrix [N, K] of any strides (in elements), so that a transposed view needs no copy.
struct WeightView {
  const void* data;
  WeightType type;
  std::ptrdiff_t n, k;
  std::ptrdiff_t n_stride, k_stride;
};

// How a packed weight is stored. The half forms are widened to float32, which is computed with. In
// the integer forms, the rows of x are quantised as well.
//   int8: each output has a scale, largest magnitude / 127; a row of x has a scale and a zero
//         point of its own, 255 steps between its extremes (and 0). Their product is exact.
//   int4: each block of an output has a float16 scale and perhaps a zero point (without one, zero
//         is the ninth of the 16 levels): of some that about span its extremes (and 0), those that
//         lose least by the sum of the squares. Every 32 values of x have a scale, largest
//         magnitude / 127. Products are exact within these, which are added up one after another in
//         float32.
//   q8_0, q4_0, q4_1: what GGUF calls so: every 32 weights have a float16 scale, and of q4_1 a
//         float16 minimum, to which the 4 bits are added; of q4_0, zero is the ninth level. x and
//         the products are as with int4.
enum class Packing { kFloat32, kFloat16, kBfloat16, kInt8, kInt4, kQ8_0, kQ4_0, kQ4_1 };

// Blocks of a GGUF file, which become the packing that holds all of them exactly (of q4_k, but for
// the rounding of scales and minima to float16).
enum class BlockType { kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ4_K };
std::ptrdiff_t block_values(BlockType type);
std::ptrdiff_t block_bytes(BlockType type);
Packing packing_of(BlockType type);

// A matrix [N, K] of such blocks along K, rows `stride` bytes apart.
struct BlocksView {
  const std::uint8_t* data;
  BlockType type;
  std::ptrdiff_t n, k, stride;
};

// Memory that a weight owns or shares.
struct Part {
  std::shared_ptr<const void> data;
  std::size_t bytes = 0;

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data.get());
  }
};

// What a part holds: elements of `type` (as "float16"), so many bytes of them in each panel. A
// weight without such a part has none.
struct PartForm {
  const char* name = "";
  const char* type = "";
  std::ptrdiff_t bytes = 0;
};

// A weight [N, K] in panels of 16 outputs, zero beyond N: the matrix product then reads memory in
// one direction only. The layout is the same on every instruction set.
//   float32, float16, bfloat16: values [panel][K][16]
//   int8: values [panel][K / 4][16][4], K filled up to a multiple of 64 with zeros; scales float32
//         [panel][16]; extra int32 [panel][16], sum_k values
//   int4, q4_0, q4_1: values [panel][K / 32][4][16][4], K filled up to whole blocks and a multiple
//         of 64, two in a byte: of line i of 32 steps, steps 8i to 8i + 3 in the lower halves, the
//         next four in the upper ones; scales float16 [panel][K / block][16]; extra zero points
//         uint8, or minima float16, of that shape, or none
//   q8_0: values [panel][K / 4][16][4], K filled up to a multiple of 64; scales float16
//         [panel][K / 32][16]
class PackedWeight {
 public:
  // `block` and `zero_points` are for int4. Blocks are of 32 or 128. Throws InputError for another
  // one, for int8 with K > 65536, whose sums could leave int32, and for q4_1, which files alone
  // have.
  PackedWeight(const WeightView& weight, Packing packing, std::ptrdiff_t block, bool zero_points,
               int threads);

  // Throws InputError unless K is a multiple of what a block holds.
  PackedWeight(const BlocksView& blocks, int threads);

  // From the parts of one that was packed before, aligned to 64 bytes. Throws InputError unless
  // each is as large as `forms` says.
  PackedWeight(std::ptrdiff_t n, std::ptrdiff_t k, Packing packing, std::ptrdiff_t block,
               bool zero_points, std::array<Part, 3> parts);

  // The forms of values, scales and extra. Throws InputError as packing does.
  static std::array<PartForm, 3> forms(std::ptrdiff_t k, Packing packing, std::ptrdiff_t block,
                                       bool zero_points);

  std::ptrdiff_t n() const { return n_; }
  std::ptrdiff_t k() const { return k_; }
  Packing packing() const { return packing_; }
  std::ptrdiff_t block() const { return block_; }
  bool zero_points() const { return packing_ == Packing::kInt4 && extra_.data != nullptr; }
  std::size_t nbytes() const { return values_.bytes + scales_.bytes + extra_.bytes; }

  const Part& values() const { return values_; }
  const Part& scales() const { return scales_; }
  const Part& extra() const { return extra_; }

  // out[i] = weight[ids[i]], for an embedding tied to the output layer. Ids are checked.
  void rows(const std::int64_t* ids, MutableRows out) const;

 private:
  std::ptrdiff_t n_, k_;
  Packing packing_;
  std::ptrdiff_t block_;
  Part values_, scales_, extra_;
};

// out[m, n] = activation(sum_k x[m, k] weight[n, k] + bias[n]); x [M, K], bias [N] or null,
// out [M, N]. Row m is the same, bit by bit, whatever other rows there are; the activation gives
// what the separate operation gives. Of quantised weights that holds on every instruction set
// alike, but for the activation; a row that holds NaN or infinity gives NaN there, and one whose
// values are all below 1e-35 in magnitude counts as zero.
void linear(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
            MutableRows out, int threads);

}  // namespace quatrain
