// exp, tanh, erf and the activations, on vectors. Included once per instruction set.
//
// Errors are bounds over all float32 arguments against the exact function, in units in the last
// place (tests/test_kernels_math.py measures them). The polynomials are minimax fits made for this
// file; each comment gives the interval and the function fitted.
#include "ops/activation.h"

namespace quatrain::QUATRAIN_ISA {

// c0 + x (c1 + x (c2 + ...))
template <class... Rest>
QUATRAIN_INLINE Vec polynomial(Vec x, float c0, Rest... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return splat(c0);
  } else {
    return fma(x, polynomial(x, rest...), splat(c0));
  }
}

// e^r and n such that x = n ln 2 + r, |r| <= ln 2 / 2; n comes as kRoundingMagic + n. The
// polynomial is (e^r - 1 - r) / r^2.
struct ReducedExp {
  Vec value, magic_n;
};
QUATRAIN_INLINE ReducedExp reduced_exp(Vec x) {
  const Vec magic = splat(kRoundingMagic);
  const Vec magic_n = fma(x, splat(1.44269504f), magic);
  const Vec n = magic_n - magic;
  Vec r = fnma(n, splat(0.693359375f), x);  // ln 2 in two parts; the first has few bits: exact
  r = fnma(n, splat(-2.12194440e-4f), r);
  const Vec tail =
      polynomial(r, 0.499999940f, 0.166665196f, 0.0416684076f, 0.00836889911f, 0.00138142193f);
  return {fma(r * r, tail, r) + splat(1.0f), magic_n};
}

// e^x within 2 ulp, gradual underflow included. Beyond the clamps the result is 0 or infinity.
QUATRAIN_INLINE Vec exp(Vec x) {
  x = min(splat(90.0f), max(splat(-105.0f), x));  // NaN stays: min and max give the second operand
  const ReducedExp e = reduced_exp(x);
  return scale_by_power(e.value, e.magic_n);
}

// 2^x within 3 ulp for x in [-126, 127]. The polynomial is 2^r for |r| <= 1/2, 1 at 0.
QUATRAIN_INLINE Vec exp2_in_range(Vec x) {
  const Vec magic = splat(kRoundingMagic);
  const Vec magic_n = x + magic;
  return scale_by_small_power(polynomial(x - (magic_n - magic), 1.0f, 0.693147004f, 0.240222424f,
                                         0.0555073359f, 0.00967151299f, 0.00132647273f),
                              magic_n);
}

// e^x within 2 ulp for x in [-87, 88].
QUATRAIN_INLINE Vec exp_in_range(Vec x) {
  const ReducedExp e = reduced_exp(x);
  return scale_by_small_power(e.value, e.magic_n);
}

// e^x within 3 ulp for x <= 0, but 0 below -87.7 (e^-87.7 = 8e-39): weights of a softmax. One
// polynomial for e^r; the clamp makes n = -127, for which the bits of 2^n, and so 2^n, are zero.
QUATRAIN_INLINE Vec exp_of_negative(Vec x) {
  x = max(splat(-88.03f), x);  // NaN stays
  const Vec magic = splat(kRoundingMagic);
  const Vec magic_n = fma(x, splat(1.44269504f), magic);
  const Vec n = magic_n - magic;
  const Vec r = fnma(n, splat(-2.12194440e-4f), fnma(n, splat(0.693359375f), x));
  return scale_by_small_power(
      polynomial(r, 1.0f, 0.999999702f, 0.499991477f, 0.166676536f, 0.0418981612f, 0.00828926358f),
      magic_n);
}

// Within 2 ulp. Small |x|: x + x^3 P(x^2), P fitted on [0, 0.62^2]; else 1 - 2 / (e^2|x| + 1).
QUATRAIN_INLINE Vec tanh(Vec x) {
  const Vec magnitude = abs(x);
  const Vec square = x * x;
  const Vec tail = polynomial(square, -0.333332866f, 0.133315489f, -0.0537491180f, 0.0206714775f,
                              -0.00574300252f);
  const Vec small = fma(x * square, tail, x);
  const Vec power = exp_in_range(min(splat(20.0f), magnitude + magnitude));  // beyond it, 1
  const Vec large = fnma(splat(2.0f), reciprocal(power + splat(1.0f)), splat(1.0f));
  return copy_sign(select(less(magnitude, splat(0.62f)), small, large), x);  // -0 stays
}

// Within 2 ulp. Small |x|: x + x P(x^2), P fitted on [0, 0.93^2]; else 1 - e^P(|x|), P fitted to
// log erfc on [0.92, 4], weighted by erfc; from 4 on the result is 1 in float32.
QUATRAIN_INLINE Vec erf(Vec x) {
  const Vec magnitude = abs(x);
  const Vec small = fma(x,
                        polynomial(x * x, 0.128379107f, -0.376124799f, 0.112816826f, -0.0267617200f,
                                   0.00498594018f, -0.000595373916f),
                        x);
  const Vec clamped = min(splat(4.0f), magnitude);
  const Vec logarithm =
      polynomial(clamped, 0.000175874564f, -1.12952077f, -0.633334637f, -0.108293943f,
                 0.0251286253f, -0.00417464320f, 0.000435218884f, -2.11619063e-5f);
  const Vec large = splat(1.0f) - exp_in_range(logarithm);
  return copy_sign(select(less(magnitude, splat(0.92f)), small, large), x);
}

// 1 / (1 + e^-|x|), for negative x times e^-|x|: nothing overflows. Like that, 0 below -87.7.
QUATRAIN_INLINE Vec sigmoid(Vec x) {
  const Vec power = exp_of_negative(zero() - abs(x));
  const Vec upper = reciprocal(splat(1.0f) + power);
  return select(less(x, zero()), power * upper, upper);
}

// x Phi(x), Phi the normal distribution: q for x < 0, else 1 - q, where q = Phi(-|x|) = 2^P(|x|).
// P is fitted to log2 Phi on [-5.5, 0], the more tightly the larger that is: the result is within
// 1e-5 of itself even where it is tiny. Beyond, q counts as 0 (it is below 2e-8).
QUATRAIN_INLINE Vec gelu(Vec x) {
  const Vec magnitude = abs(x), end = splat(5.5f);
  const Vec logarithm = polynomial(min(end, magnitude), -1.0f, -1.15111375f, -0.459130406f,
                                   -0.0527237765f, 0.00736442208f, -3.38616519e-4f, -1.17970085e-4f,
                                   2.98750310e-5f, -3.01826594e-6f, 1.19717441e-7f);
  const Vec q = select(less(end, magnitude), zero(), exp2_in_range(logarithm));
  return x * select(less(x, zero()), q, splat(1.0f) - q);
}

// One function per operation on single values; the fused epilogues use the same ones, so that
// fused and separate results are equal bit by bit.
template <Activation kind>
QUATRAIN_INLINE Vec activate(Vec x) {
  if constexpr (kind == Activation::kGelu) {
    return gelu(x);
  } else if constexpr (kind == Activation::kGeluTanh) {
    // (1 + tanh u) / 2 is sigmoid(2u).
    return x * sigmoid(splat(1.59576912f) * fma(splat(0.044715f) * x * x, x, x));
  } else if constexpr (kind == Activation::kRelu) {
    return max(zero(), x);  // NaN stays
  } else if constexpr (kind == Activation::kSilu) {
    return x * sigmoid(x);
  } else if constexpr (kind == Activation::kTanh) {
    return tanh(x);
  } else if constexpr (kind == Activation::kSigmoid) {
    return sigmoid(x);
  } else if constexpr (kind == Activation::kErf) {
    return erf(x);
  } else if constexpr (kind == Activation::kExp) {
    return exp(x);
  } else if constexpr (kind == Activation::kRsqrt) {
    return splat(1.0f) / sqrt(x);
  } else {
    return x;
  }
}

}  // namespace quatrain::QUATRAIN_ISA
