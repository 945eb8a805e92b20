// Integers on NEON, and (with QUATRAIN_DOTPROD) on its extension by dot products of bytes. Has the
// same functions as ints_avx2.h; there are the comments. Included once per instruction set.
#include "cpu/simd/vec_neon.h"

namespace quatrain::QUATRAIN_ISA {

using namespace neon;  // the floats of this tier

QUATRAIN_INLINE uint8x8_t low_bytes(Vec a) {
  const uint16x4_t low = vmovn_u32(vreinterpretq_u32_f32(a.low));
  return vmovn_u16(vcombine_u16(low, vmovn_u32(vreinterpretq_u32_f32(a.high))));
}
QUATRAIN_INLINE void store_bytes(std::uint8_t* out, Vec a) { vst1_u8(out, low_bytes(a)); }

// There are no products of bytes with and without a sign: the values are less by 128, and so are
// the zero points that to_float() is given.
using Value = std::int8_t;
QUATRAIN_INLINE void store_values(Value* out, Vec a) {
  vst1_s8(out, vreinterpret_s8_u8(veor_u8(low_bytes(a), vdup_n_u8(128))));
}
QUATRAIN_INLINE Vec to_float(const std::int32_t* c, const std::int32_t* sums, std::int32_t zero) {
  const int32x4_t shift = vdupq_n_s32(zero - 128);
  return {vcvtq_f32_s32(vmlsq_s32(vld1q_s32(c), vld1q_s32(sums), shift)),
          vcvtq_f32_s32(vmlsq_s32(vld1q_s32(c + 4), vld1q_s32(sums + 4), shift))};
}

constexpr int kSums = 4;  // of four columns
struct Line {
  int8x16_t v;
};
struct Quad {
  int8x8_t v;
};
QUATRAIN_INLINE Line load_line(const std::int8_t* line) { return {vld1q_s8(line)}; }
#ifdef QUATRAIN_DOTPROD
// The products take the four bytes from a register's beginning. Only as a float do compilers load
// them to there at once.
QUATRAIN_INLINE Quad load_quad(const std::int8_t* x) {
  float bytes;
  __builtin_memcpy(&bytes, x, sizeof(bytes));
  return {vreinterpret_s8_f32(float32x2_t{bytes, 0.0f})};
}
constexpr int kIntRows = 6;
constexpr int kTileSums = 4;
constexpr int kStrands = 4;
struct Sum {
  int32x4_t v;
};
QUATRAIN_INLINE Sum no_sum() { return {vdupq_n_s32(0)}; }
QUATRAIN_INLINE Sum add(Sum a, Sum b) { return {vaddq_s32(a.v, b.v)}; }
QUATRAIN_INLINE Sum dot(Sum sum, Quad x, Line w) { return {vdotq_lane_s32(sum.v, w.v, x.v, 0)}; }
QUATRAIN_INLINE int32x4_t of_columns(Sum sum) { return sum.v; }
#else
QUATRAIN_INLINE Quad load_quad(const std::int8_t* x) {
  std::int32_t bytes;
  __builtin_memcpy(&bytes, x, sizeof(bytes));
  return {vreinterpret_s8_s32(vdup_n_s32(bytes))};
}
constexpr int kIntRows = 4;
constexpr int kTileSums = 2;
constexpr int kStrands = 2;
struct Sum {
  int32x4_t low, high;  // of two columns each, as two halves
};
QUATRAIN_INLINE Sum no_sum() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
QUATRAIN_INLINE Sum add(Sum a, Sum b) {
  return {vaddq_s32(a.low, b.low), vaddq_s32(a.high, b.high)};
}
QUATRAIN_INLINE Sum dot(Sum sum, Quad x, Line w) {
  return {vpadalq_s16(sum.low, vmull_s8(vget_low_s8(w.v), x.v)),
          vpadalq_s16(sum.high, vmull_s8(vget_high_s8(w.v), x.v))};
}
QUATRAIN_INLINE int32x4_t of_columns(Sum sum) { return vpaddq_s32(sum.low, sum.high); }
#endif
template <int sums>
QUATRAIN_INLINE void store_columns(std::int32_t* c, const Sum* sum) {
  for (int i = 0; i < sums; ++i) vst1q_s32(c + 4 * i, of_columns(sum[i]));
}

struct Lanes {
  int32x4_t low, high;
};
QUATRAIN_INLINE Lanes splat_int(std::int32_t x) { return {vdupq_n_s32(x), vdupq_n_s32(x)}; }
QUATRAIN_INLINE Vec to_float(Lanes a) { return {vcvtq_f32_s32(a.low), vcvtq_f32_s32(a.high)}; }
QUATRAIN_INLINE Lanes minus_product(const std::uint8_t* zeros, std::int32_t x) {
  const int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(zeros)));
  return {vmulq_n_s32(vmovl_s16(vget_low_s16(wide)), -x), vmulq_n_s32(vmovl_high_s16(wide), -x)};
}

#ifdef QUATRAIN_DOTPROD
// Sums of four columns each.
struct Halves {
  int32x4_t low, high;
};
QUATRAIN_INLINE Halves begin_halves(Lanes start) { return {start.low, start.high}; }
QUATRAIN_INLINE Lanes end_halves(Halves sum) { return {sum.low, sum.high}; }
QUATRAIN_INLINE Halves neon_dot(Halves sum, const std::int8_t* x, int8x16_t low, int8x16_t high) {
  const int8x8_t quad = load_quad(x).v;
  return {vdotq_lane_s32(sum.low, low, quad, 0), vdotq_lane_s32(sum.high, high, quad, 0)};
}
#else
// Sums of two columns each, as two halves.
struct Halves {
  Lanes start;
  int32x4_t v[4];
};
QUATRAIN_INLINE Halves begin_halves(Lanes start) {
  const int32x4_t zero = vdupq_n_s32(0);
  return {start, {zero, zero, zero, zero}};
}
QUATRAIN_INLINE Lanes end_halves(Halves sum) {
  return {vaddq_s32(sum.start.low, vpaddq_s32(sum.v[0], sum.v[1])),
          vaddq_s32(sum.start.high, vpaddq_s32(sum.v[2], sum.v[3]))};
}
QUATRAIN_INLINE Halves neon_dot(Halves sum, const std::int8_t* x, int8x16_t low, int8x16_t high) {
  const int8x8_t quad = load_quad(x).v;
  sum.v[0] = vpadalq_s16(sum.v[0], vmull_s8(vget_low_s8(low), quad));
  sum.v[1] = vpadalq_s16(sum.v[1], vmull_s8(vget_high_s8(low), quad));
  sum.v[2] = vpadalq_s16(sum.v[2], vmull_s8(vget_low_s8(high), quad));
  sum.v[3] = vpadalq_s16(sum.v[3], vmull_s8(vget_high_s8(high), quad));
  return sum;
}
#endif
struct Bytes {
  static constexpr int kLines = 8, kSteps = 4;
  static constexpr std::int32_t kMore = 0;
  using Sum = Halves;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return begin_halves(start); }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return end_halves(sum); }
  struct Line {
    int8x16_t low, high;  // four columns each
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    const auto* p = reinterpret_cast<const std::int8_t*>(line);
    return {vld1q_s8(p), vld1q_s8(p + 16)};
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    return neon_dot(sum, x, w.low, w.high);
  }
};
struct Nibbles {
  static constexpr int kLines = 4, kSteps = 8;
  using Sum = Halves;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return begin_halves(start); }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return end_halves(sum); }
  struct Line {
    uint8x16_t low, high;  // four columns each, two weights in a byte
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    return {vld1q_u8(line), vld1q_u8(line + 16)};
  }
  static QUATRAIN_INLINE int8x16_t lower(uint8x16_t a) {
    return vreinterpretq_s8_u8(vandq_u8(a, vdupq_n_u8(15)));
  }
  static QUATRAIN_INLINE int8x16_t upper(uint8x16_t a) {
    return vreinterpretq_s8_u8(vshrq_n_u8(a, 4));
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    sum = neon_dot(sum, x, lower(w.low), lower(w.high));
    return neon_dot(sum, x + kQuad, upper(w.low), upper(w.high));
  }
};
constexpr int kBlockRows = 4;

}  // namespace quatrain::QUATRAIN_ISA
