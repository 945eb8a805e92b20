// Integers in the compilers' generic vectors. Has the same functions as ints_avx2.h; there are the
// comments.
#include "cpu/simd/vec_portable.h"

namespace quatrain::QUATRAIN_ISA {

using namespace portable;  // the floats of this tier

constexpr int kIntRows = 2;
constexpr int kTileSums = 2;
constexpr int kStrands = 1;

using Value = std::uint8_t;
QUATRAIN_INLINE void store_bytes(std::uint8_t* out, Vec a) {
  for (int i = 0; i < kWidth; ++i) out[i] = static_cast<Value>(((Bits)a.v)[i] & 255u);
}

QUATRAIN_INLINE void store_values(Value* out, Vec a) { store_bytes(out, a); }

constexpr int kSums = 4;
struct Sum {
  Ints v;
};
struct Line {
  Ints v[4];  // by step of k
};
struct Quad {
  Ints v[4];
};
QUATRAIN_INLINE Sum no_sum() { return {Ints{0, 0, 0, 0}}; }
QUATRAIN_INLINE Sum add(Sum a, Sum b) { return {a.v + b.v}; }
QUATRAIN_INLINE Line load_line(const std::int8_t* p) {
  Line a;
  for (int i = 0; i < 4; ++i) a.v[i] = Ints{p[i], p[4 + i], p[8 + i], p[12 + i]};
  return a;
}
QUATRAIN_INLINE Quad load_quad(const Value* x) {
  Quad a;
  for (int i = 0; i < 4; ++i) a.v[i] = Ints{x[i], x[i], x[i], x[i]};
  return a;
}
QUATRAIN_INLINE Sum dot(Sum sum, Quad x, Line w) {
  for (int i = 0; i < 4; ++i) sum.v += x.v[i] * w.v[i];
  return sum;
}
template <int sums>
QUATRAIN_INLINE void store_columns(std::int32_t* c, const Sum* sum) {
  for (int i = 0; i < sums; ++i) __builtin_memcpy(c + 4 * i, &sum[i].v, sizeof(Ints));
}

QUATRAIN_INLINE Vec to_float(const std::int32_t* c, const std::int32_t* sums, std::int32_t zero) {
  Vec a;
  for (int i = 0; i < kWidth; ++i) {  // sums from a file may be anything: overflows wrap around
    const auto shift = static_cast<std::uint32_t>(zero) * static_cast<std::uint32_t>(sums[i]);
    a.v[i] =
        static_cast<float>(static_cast<std::int32_t>(static_cast<std::uint32_t>(c[i]) - shift));
  }
  return a;
}

struct Lanes {
  Ints v;
};
QUATRAIN_INLINE Lanes splat_int(std::int32_t x) { return {Ints{x, x, x, x}}; }
QUATRAIN_INLINE Vec to_float(Lanes a) { return {__builtin_convertvector(a.v, Floats)}; }
QUATRAIN_INLINE Lanes minus_product(const std::uint8_t* zeros, std::int32_t x) {
  return {Ints{zeros[0], zeros[1], zeros[2], zeros[3]} * -x};
}

struct Bytes {
  static constexpr int kLines = 8, kSteps = 4;
  static constexpr std::int32_t kMore = 0;
  struct Line {
    Ints v[kSteps];  // by step of k
  };
  using Sum = Lanes;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return start; }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return sum; }
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    const auto* p = reinterpret_cast<const std::int8_t*>(line);
    Line a;
    for (int k = 0; k < kSteps; ++k) a.v[k] = Ints{p[k], p[4 + k], p[8 + k], p[12 + k]};
    return a;
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, const Line& w) {
    for (int k = 0; k < kSteps; ++k) sum.v += w.v[k] * x[k];
    return sum;
  }
};
struct Nibbles {
  static constexpr int kLines = 4, kSteps = 8;
  struct Line {
    Ints v[kSteps];
  };
  using Sum = Lanes;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return start; }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return sum; }
  static QUATRAIN_INLINE Line load(const std::uint8_t* p) {
    Line a;
    for (int k = 0; k < kQuad; ++k) {
      const Ints line{p[k], p[4 + k], p[8 + k], p[12 + k]};
      a.v[k] = line & 15;
      a.v[kQuad + k] = line >> 4;
    }
    return a;
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, const Line& w) {
    for (int k = 0; k < kSteps; ++k) sum.v += w.v[k] * x[k];
    return sum;
  }
};
constexpr int kBlockRows = 4;

}  // namespace quatrain::QUATRAIN_ISA
