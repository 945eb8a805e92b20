// The affine map, its weight packed once.
#pragma once
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

// How a packed weight is stored. In the integer forms, the rows of x are quantised as well.
//   int8: each output has a scale, largest magnitude / 127; a row of x has a scale and a zero
//         point of its own, 255 steps between its extremes (and 0). Their product is exact.
enum class Packing { kFloat32, kInt8 };

// Memory that a weight owns or shares: of a file that is mapped, say.
struct Part {
  std::shared_ptr<const void> data;
  std::size_t bytes = 0;
};

// A weight [N, K] in panels of 16 outputs, zero beyond N: the matrix product then reads memory in
// one direction only. The layout is the same on every instruction set.
//   float32: values [panel][K][16]
//   int8: values [panel][K / 4][16][4], K filled up to a multiple of 64 with zeros; scales float32
//         [panel][16]; sums int32 [panel][16], sum_k values
class PackedWeight {
 public:
  // Throws InputError for int8 with K > 65536, whose sums could leave int32.
  PackedWeight(const WeightView& weight, Packing packing, int threads);

  std::ptrdiff_t n() const { return n_; }
  std::ptrdiff_t k() const { return k_; }
  Packing packing() const { return packing_; }
  std::size_t nbytes() const { return values_.bytes + scales_.bytes + sums_.bytes; }

  const float* panels() const { return static_cast<const float*>(values_.data.get()); }
  const std::int8_t* bytes() const { return static_cast<const std::int8_t*>(values_.data.get()); }
  const float* scales() const { return static_cast<const float*>(scales_.data.get()); }
  const std::int32_t* sums() const { return static_cast<const std::int32_t*>(sums_.data.get()); }

  // out[i] = weight[ids[i]], for an embedding tied to the output layer. Ids are checked.
  void rows(const std::int64_t* ids, MutableRows out) const;

 private:
  std::ptrdiff_t n_, k_;
  Packing packing_;
  Part values_, scales_, sums_;
};

// out[m, n] = activation(sum_k x[m, k] weight[n, k] + bias[n]); x [M, K], bias [N] or null,
// out [M, N]. Row m is the same, bit by bit, whatever other rows there are; the activation gives
// what the separate operation gives. Of quantised weights that holds on every instruction set
// alike, but for the activation; a row that holds NaN or infinity gives NaN there, and one whose
// values are all below 1e-35 in magnitude counts as zero.
void linear(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
            MutableRows out, int threads);

}  // namespace quatrain
