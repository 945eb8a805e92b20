// Four float32 lanes in the compilers' generic vectors: whatever the baseline of the target has
// (SSE2 on x86-64, NEON on AArch64). Has the same functions as vec_avx2.h; there are the comments.
#pragma once
#include <cstddef>
#include <cstdint>

#define QUATRAIN_INLINE inline __attribute__((always_inline))

namespace quatrain::portable {

constexpr int kWidth = 4;
constexpr int kTileRows = 2;
constexpr int kRegisters = 8;
constexpr std::ptrdiff_t kBlockK = 256;

using Floats = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
using Bits = std::uint32_t __attribute__((vector_size(16)));  // wraps around without ceremony

constexpr float kRoundingMagic = 12582912.0f;

struct Vec {
  Floats v;
};
struct Mask {
  Ints v;
};

QUATRAIN_INLINE Vec load(const float* p) {
  Vec a;
  __builtin_memcpy(&a.v, p, sizeof(a.v));
  return a;
}
QUATRAIN_INLINE void store(float* p, Vec a) { __builtin_memcpy(p, &a.v, sizeof(a.v)); }
QUATRAIN_INLINE void prefetch(const float* p) { __builtin_prefetch(p); }
QUATRAIN_INLINE void stream(float* p, Vec a) { store(p, a); }  // there is nothing better
inline void settle() {}
QUATRAIN_INLINE void prefetch_to_write(const float* p) { __builtin_prefetch(p, 1); }
QUATRAIN_INLINE Vec load_float16(const std::uint16_t* p) {
  Vec a;
  for (int i = 0; i < kWidth; ++i) {
    const std::uint32_t sign = (p[i] & 0x8000u) << 16, rest = (p[i] & 0x7fffu) << 13;
    // The exponents differ by 112: times 2^112, subnormals as well. Infinity and NaN stay.
    const bool finite = rest < 0x0f800000u;
    const float value = __builtin_bit_cast(float, finite ? rest : rest | 0x7f800000u);
    a.v[i] = __builtin_bit_cast(
        float, sign | __builtin_bit_cast(std::uint32_t, finite ? value * 0x1p112f : value));
  }
  return a;
}
QUATRAIN_INLINE Vec load_bfloat16(const std::uint16_t* p) {
  Vec a;
  for (int i = 0; i < kWidth; ++i) {
    a.v[i] = __builtin_bit_cast(float, static_cast<std::uint32_t>(p[i]) << 16);
  }
  return a;
}
QUATRAIN_INLINE Vec load(const std::int8_t* p) {
  return {Floats{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]),
                 static_cast<float>(p[3])}};
}
QUATRAIN_INLINE Vec byte_of(Vec words, int index) {
  const Ints top = (Ints)((Bits)words.v << (24 - 8 * index)) >> 24;
  return {__builtin_convertvector(top, Floats)};
}
QUATRAIN_INLINE Vec splat(float x) { return {Floats{x, x, x, x}}; }
QUATRAIN_INLINE Vec zero() { return splat(0.0f); }

QUATRAIN_INLINE Vec load(const float* p, std::ptrdiff_t n) {
  Vec a = zero();
  for (int i = 0; i < kWidth; ++i) {
    if (i < n) a.v[i] = p[i];
  }
  return a;
}
QUATRAIN_INLINE void store(float* p, Vec a, std::ptrdiff_t n) {
  for (int i = 0; i < kWidth; ++i) {
    if (i < n) p[i] = a.v[i];
  }
}
QUATRAIN_INLINE Mask lanes_below(std::ptrdiff_t n) {
  const auto limit = static_cast<std::int32_t>(n);
  return {Ints{0, 1, 2, 3} < Ints{limit, limit, limit, limit}};
}

QUATRAIN_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
QUATRAIN_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
QUATRAIN_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
QUATRAIN_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
// Two roundings: the baseline may have no fused instruction, and emulating one would be slow.
QUATRAIN_INLINE Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
QUATRAIN_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {c.v - a.v * b.v}; }
QUATRAIN_INLINE Mask less(Vec a, Vec b) { return {a.v < b.v}; }
QUATRAIN_INLINE Mask unordered(Vec a) { return {a.v != a.v}; }
QUATRAIN_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return {(Floats)((m.v & (Ints)yes.v) | (~m.v & (Ints)no.v))};
}
QUATRAIN_INLINE Vec max(Vec a, Vec b) { return select({a.v > b.v}, a, b); }
QUATRAIN_INLINE Vec min(Vec a, Vec b) { return select({a.v < b.v}, a, b); }
QUATRAIN_INLINE Vec sqrt(Vec a) {
  for (int i = 0; i < kWidth; ++i) a.v[i] = __builtin_sqrtf(a.v[i]);
  return a;
}
QUATRAIN_INLINE Vec abs(Vec a) { return {(Floats)((Ints)a.v & 0x7fffffff)}; }
QUATRAIN_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  const Ints low = (Ints)magnitude.v & 0x7fffffff;
  return {(Floats)(low | ((Ints)sign.v & ~0x7fffffff))};
}

QUATRAIN_INLINE Floats power_of_two(Bits n) { return (Floats)((n << 23) + (Bits)splat(1.0f).v); }
QUATRAIN_INLINE Vec scale_by_small_power(Vec a, Vec magic_n) {
  return {a.v * power_of_two((Bits)magic_n.v)};
}
QUATRAIN_INLINE Vec scale_by_power(Vec a, Vec magic_n) {
  const Ints n = (Ints)((Bits)magic_n.v - (Bits)splat(kRoundingMagic).v);
  const Ints half = n >> 1;
  return {a.v * power_of_two((Bits)half) * power_of_two((Bits)(n - half))};
}
QUATRAIN_INLINE Vec reciprocal(Vec a) { return splat(1.0f) / a; }

QUATRAIN_INLINE float reduce_add(Vec a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
QUATRAIN_INLINE float reduce_max(Vec a) {
  const float even = a.v[0] > a.v[2] ? a.v[0] : a.v[2];
  const float odd = a.v[1] > a.v[3] ? a.v[1] : a.v[3];
  return even > odd ? even : odd;
}

QUATRAIN_INLINE void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) {
  even.v = Floats{a.v[0], a.v[2], b.v[0], b.v[2]};
  odd.v = Floats{a.v[1], a.v[3], b.v[1], b.v[3]};
}
QUATRAIN_INLINE void interleave(Vec even, Vec odd, Vec& a, Vec& b) {
  a.v = Floats{even.v[0], odd.v[0], even.v[1], odd.v[1]};
  b.v = Floats{even.v[2], odd.v[2], even.v[3], odd.v[3]};
}

template <class Row>
QUATRAIN_INLINE void transpose(const Row& row, Vec (&columns)[kWidth]) {
  for (int c = 0; c < kWidth; ++c)
    columns[c].v = Floats{row(0)[c], row(1)[c], row(2)[c], row(3)[c]};
}

}  // namespace quatrain::portable
