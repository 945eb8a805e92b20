// Eight float32 lanes: two registers of AArch64's NEON. So many, because sums are then cut into
// lanes as on AVX2, and both give the same bits. Has the same functions as vec_avx2.h; there are
// the comments.
#pragma once
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#define QUATRAIN_INLINE inline __attribute__((always_inline))

namespace quatrain::neon {

constexpr int kWidth = 8;
constexpr int kTileRows = 6;             // 6 x 16 outputs fill 24 of 32 registers
constexpr int kRegisters = 12;           // pairs of them
constexpr std::ptrdiff_t kBlockK = 512;  // 32 KB of a panel: half of a first-level cache

constexpr float kRoundingMagic = 12582912.0f;

struct Vec {
  float32x4_t low, high;
};
struct Mask {
  uint32x4_t low, high;
};

QUATRAIN_INLINE Vec load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
QUATRAIN_INLINE void store(float* p, Vec a) {
  vst1q_f32(p, a.low);
  vst1q_f32(p + 4, a.high);
}
QUATRAIN_INLINE void prefetch(const float* p) { __builtin_prefetch(p); }
// These processors notice by themselves that whole lines are overwritten.
QUATRAIN_INLINE void stream(float* p, Vec a) { store(p, a); }
inline void settle() {}
QUATRAIN_INLINE void prefetch_to_write(const float* p) { __builtin_prefetch(p, 1); }
QUATRAIN_INLINE Vec load_float16(const std::uint16_t* p) {
  const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(p));
  return {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
}
QUATRAIN_INLINE Vec load_bfloat16(const std::uint16_t* p) {
  const uint16x8_t halves = vld1q_u16(p);
  return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)),
          vreinterpretq_f32_u32(vshll_high_n_u16(halves, 16))};
}
QUATRAIN_INLINE Vec load(const std::int8_t* p) {
  const int16x8_t whole = vmovl_s8(vld1_s8(p));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(whole))), vcvtq_f32_s32(vmovl_high_s16(whole))};
}
QUATRAIN_INLINE Vec byte_of(Vec words, int index) {
  const int32x4_t up = vdupq_n_s32(24 - 8 * index);
  const int32x4_t low = vshlq_s32(vreinterpretq_s32_f32(words.low), up);
  const int32x4_t high = vshlq_s32(vreinterpretq_s32_f32(words.high), up);
  return {vcvtq_f32_s32(vshrq_n_s32(low, 24)), vcvtq_f32_s32(vshrq_n_s32(high, 24))};
}
QUATRAIN_INLINE Vec splat(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
QUATRAIN_INLINE Vec zero() { return splat(0.0f); }

QUATRAIN_INLINE Vec load(const float* p, std::ptrdiff_t n) {
  Vec a = zero();
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    if (i < n) a.low[i] = p[i];
    if (i + 4 < n) a.high[i] = p[i + 4];
  }
  return a;
}
QUATRAIN_INLINE void store(float* p, Vec a, std::ptrdiff_t n) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    if (i < n) p[i] = a.low[i];
    if (i + 4 < n) p[i + 4] = a.high[i];
  }
}
QUATRAIN_INLINE Mask lanes_below(std::ptrdiff_t n) {
  const int32x4_t lane = {0, 1, 2, 3}, limit = vdupq_n_s32(static_cast<std::int32_t>(n));
  return {vcltq_s32(lane, limit), vcltq_s32(vaddq_s32(lane, vdupq_n_s32(4)), limit)};
}

QUATRAIN_INLINE Vec operator+(Vec a, Vec b) {
  return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}
QUATRAIN_INLINE Vec operator-(Vec a, Vec b) {
  return {vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)};
}
QUATRAIN_INLINE Vec operator*(Vec a, Vec b) {
  return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)};
}
QUATRAIN_INLINE Vec operator/(Vec a, Vec b) {
  return {vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)};
}
QUATRAIN_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}
QUATRAIN_INLINE Vec fnma(Vec a, Vec b, Vec c) {
  return {vfmsq_f32(c.low, a.low, b.low), vfmsq_f32(c.high, a.high, b.high)};
}
QUATRAIN_INLINE Mask less(Vec a, Vec b) {
  return {vcltq_f32(a.low, b.low), vcltq_f32(a.high, b.high)};
}
QUATRAIN_INLINE Mask unordered(Vec a) {
  return {vmvnq_u32(vceqq_f32(a.low, a.low)), vmvnq_u32(vceqq_f32(a.high, a.high))};
}
QUATRAIN_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return {vbslq_f32(m.low, yes.low, no.low), vbslq_f32(m.high, yes.high, no.high)};
}
// The instructions that are called so treat NaN otherwise.
QUATRAIN_INLINE Vec max(Vec a, Vec b) { return select(less(b, a), a, b); }
QUATRAIN_INLINE Vec min(Vec a, Vec b) { return select(less(a, b), a, b); }
QUATRAIN_INLINE Vec sqrt(Vec a) { return {vsqrtq_f32(a.low), vsqrtq_f32(a.high)}; }
QUATRAIN_INLINE Vec abs(Vec a) { return {vabsq_f32(a.low), vabsq_f32(a.high)}; }
QUATRAIN_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  const uint32x4_t bit = vdupq_n_u32(0x80000000u);
  return select({bit, bit}, sign, magnitude);
}

QUATRAIN_INLINE float32x4_t power_of_two(int32x4_t n) {
  const int32x4_t one = vreinterpretq_s32_f32(vdupq_n_f32(1.0f));
  return vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(n, 23), one));
}
QUATRAIN_INLINE Vec scale_by_small_power(Vec a, Vec magic_n) {
  return a * Vec{power_of_two(vreinterpretq_s32_f32(magic_n.low)),
                 power_of_two(vreinterpretq_s32_f32(magic_n.high))};
}
QUATRAIN_INLINE float32x4_t scale_by_power(float32x4_t a, float32x4_t magic_n) {
  const int32x4_t magic = vreinterpretq_s32_f32(vdupq_n_f32(kRoundingMagic));
  const int32x4_t n = vsubq_s32(vreinterpretq_s32_f32(magic_n), magic);
  const int32x4_t half = vshrq_n_s32(n, 1);
  return vmulq_f32(vmulq_f32(a, power_of_two(half)), power_of_two(vsubq_s32(n, half)));
}
QUATRAIN_INLINE Vec scale_by_power(Vec a, Vec magic_n) {
  return {scale_by_power(a.low, magic_n.low), scale_by_power(a.high, magic_n.high)};
}
QUATRAIN_INLINE Vec reciprocal(Vec a) { return splat(1.0f) / a; }

QUATRAIN_INLINE float reduce_add(Vec a) {
  const float32x4_t x = vaddq_f32(a.low, a.high);
  const float32x2_t y = vadd_f32(vget_low_f32(x), vget_high_f32(x));
  return vget_lane_f32(y, 0) + vget_lane_f32(y, 1);
}
QUATRAIN_INLINE float reduce_max(Vec a) {
  const float32x4_t x = vbslq_f32(vcltq_f32(a.high, a.low), a.low, a.high);
  const float32x2_t low = vget_low_f32(x), high = vget_high_f32(x);
  const float32x2_t y = vbsl_f32(vclt_f32(high, low), low, high);
  const float even = vget_lane_f32(y, 0), odd = vget_lane_f32(y, 1);
  return even > odd ? even : odd;
}

QUATRAIN_INLINE void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) {
  even = {vuzp1q_f32(a.low, a.high), vuzp1q_f32(b.low, b.high)};
  odd = {vuzp2q_f32(a.low, a.high), vuzp2q_f32(b.low, b.high)};
}
QUATRAIN_INLINE void interleave(Vec even, Vec odd, Vec& a, Vec& b) {
  a = {vzip1q_f32(even.low, odd.low), vzip2q_f32(even.low, odd.low)};
  b = {vzip1q_f32(even.high, odd.high), vzip2q_f32(even.high, odd.high)};
}

struct Square {
  float32x4_t v[4];
};
// Four rows of four floats become four columns.
template <class Row>
QUATRAIN_INLINE Square transposed(const Row& row, int first, int column) {
  const float32x4_t a = vld1q_f32(row(first) + column), b = vld1q_f32(row(first + 1) + column);
  const float32x4_t c = vld1q_f32(row(first + 2) + column), d = vld1q_f32(row(first + 3) + column);
  const float64x2_t even_ab = vreinterpretq_f64_f32(vtrn1q_f32(a, b));
  const float64x2_t odd_ab = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
  const float64x2_t even_cd = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
  const float64x2_t odd_cd = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
  return {vreinterpretq_f32_f64(vtrn1q_f64(even_ab, even_cd)),
          vreinterpretq_f32_f64(vtrn1q_f64(odd_ab, odd_cd)),
          vreinterpretq_f32_f64(vtrn2q_f64(even_ab, even_cd)),
          vreinterpretq_f32_f64(vtrn2q_f64(odd_ab, odd_cd))};
}
template <class Row>
QUATRAIN_INLINE void transpose(const Row& row, Vec (&columns)[kWidth]) {
#pragma GCC unroll 2
  for (int c = 0; c < kWidth; c += 4) {
    const Square upper = transposed(row, 0, c), lower = transposed(row, 4, c);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) columns[c + i] = {upper.v[i], lower.v[i]};
  }
}

}  // namespace quatrain::neon
