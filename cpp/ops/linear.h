// The affine map, its weight packed once.
#pragma once
#include <cstdint>

#include "core/pages.h"
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

// A weight [N, K] as float32 panels of 16 rows, each [K][16], zero beyond N: the matrix product
// then reads memory in one direction only.
class PackedWeight {
 public:
  PackedWeight(const WeightView& weight, int threads);

  std::ptrdiff_t n() const { return n_; }
  std::ptrdiff_t k() const { return k_; }
  std::size_t nbytes() const { return bytes_; }
  const float* panels() const { return static_cast<const float*>(panels_.data()); }

  // out[i] = weight[ids[i]], for an embedding tied to the output layer. Ids are checked.
  void rows(const std::int64_t* ids, MutableRows out) const;

 private:
  std::ptrdiff_t n_, k_;
  std::size_t bytes_;
  Pages panels_;
};

// out[m, n] = activation(sum_k x[m, k] weight[n, k] + bias[n]); x [M, K], bias [N] or null,
// out [M, N]. Row m is the same, bit by bit, whatever other rows there are; the activation gives
// what the separate operation gives.
void linear(ConstRows x, const PackedWeight& weight, const float* bias, Activation activation,
            MutableRows out, int threads);

}  // namespace quatrain
