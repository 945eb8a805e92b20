// Functions of single values, and the gated product of a feed-forward layer.
#pragma once
#include <string_view>

#include "core/tensor.h"

namespace quatrain {

//   gelu       x/2 (1 + erf(x / sqrt 2))                          Hendrycks and Gimpel, 2016
//   gelu_tanh  x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))      the same, approximated
//   relu       max(x, 0)
//   silu       x / (1 + e^-x)                                     Elfwing et al., 2017
//   rsqrt      1 / sqrt(x)
enum class Activation {
  kNone,
  kGelu,
  kGeluTanh,
  kRelu,
  kSilu,
  kTanh,
  kSigmoid,
  kErf,
  kExp,
  kRsqrt
};
inline constexpr int kActivations = 10;

// "gelu_tanh" -> kGeluTanh; an unknown name is an InputError of operation `where`.
Activation activation_from_name(const char* where, std::string_view name);

// out = f(x), element by element. Shapes are equal; out may be x.
void activate(Activation kind, ConstRows x, MutableRows out, int threads);

// out = f(gate) * up: Shazeer, "GLU Variants Improve Transformer", 2020.
void gated(Activation kind, ConstRows gate, ConstRows up, MutableRows out, int threads);

}  // namespace quatrain
