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
struct Nibbles {
  Ints v[kGroup];  // by step of k
};
QUATRAIN_INLINE Nibbles load_nibbles(const std::uint8_t* group) {
  Nibbles a;
  for (int k = 0; k < kGroup; ++k) {
    const std::uint8_t* p = group + k / 8 * 64 + k % 4;
    const Ints line{p[0], p[4], p[8], p[12]};
    a.v[k] = (k % 8 < 4 ? line : line >> 4) & 15;
  }
  return a;
}
QUATRAIN_INLINE Lanes dot(Lanes sum, const std::int8_t* x, const Nibbles& w) {
  for (int k = 0; k < kGroup; ++k) sum.v += w.v[k] * x[k];
  return sum;
}

}  // namespace quatrain::QUATRAIN_ISA
