// Integers on AVX-512, and (with QUATRAIN_VNNI) on its extension by dot products of bytes. Has the
// same functions as ints_avx2.h; there are the comments. Included once per instruction set.
#include "cpu/simd/vec_avx512.h"

namespace quatrain::QUATRAIN_ISA {

using namespace avx512;  // the floats of this tier

QUATRAIN_INLINE void store_bytes(std::uint8_t* out, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(_mm512_castps_si512(a.v)));
}
#ifdef QUATRAIN_VNNI
using Value = std::uint8_t;
QUATRAIN_INLINE void store_values(Value* out, Vec a) { store_bytes(out, a); }
#else
using Value = std::int16_t;
QUATRAIN_INLINE void store_values(Value* out, Vec a) {
  const __m512i low = _mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(255));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16(low));
}
#endif

struct Sum {
  __m512i v;
};
struct Line {
  __m512i v;
};
struct Quad {
  __m512i v;
};
QUATRAIN_INLINE Sum no_sum() { return {_mm512_setzero_si512()}; }
QUATRAIN_INLINE Sum add(Sum a, Sum b) { return {_mm512_add_epi32(a.v, b.v)}; }
#ifdef QUATRAIN_VNNI
constexpr int kIntRows = 12;
constexpr int kSums = 1;
constexpr int kTileSums = 2;
constexpr int kStrands = 8;
QUATRAIN_INLINE Line load_line(const std::int8_t* line) { return {_mm512_loadu_si512(line)}; }
QUATRAIN_INLINE Quad load_quad(const Value* x) {
  int bytes;
  __builtin_memcpy(&bytes, x, sizeof(bytes));
  return {_mm512_set1_epi32(bytes)};
}
QUATRAIN_INLINE Sum dot(Sum sum, Quad x, Line w) { return {_mm512_dpbusd_epi32(sum.v, x.v, w.v)}; }
template <int sums>
QUATRAIN_INLINE void store_columns(std::int32_t* c, const Sum* sum) {
  for (int i = 0; i < sums; ++i) _mm512_storeu_si512(c + i * kWidth, sum[i].v);
}
#else
constexpr int kIntRows = 8;
constexpr int kSums = 2;  // of eight columns, each as two halves
constexpr int kTileSums = 2;
constexpr int kStrands = 4;
QUATRAIN_INLINE Line load_line(const std::int8_t* line) {
  return {_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(line)))};
}
QUATRAIN_INLINE Quad load_quad(const Value* x) {
  long long words;
  __builtin_memcpy(&words, x, sizeof(words));
  return {_mm512_set1_epi64(words)};
}
QUATRAIN_INLINE Sum dot(Sum sum, Quad x, Line w) {
  return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(x.v, w.v))};
}
template <int sums>
QUATRAIN_INLINE void store_columns(std::int32_t* c, const Sum* sum) {
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
  const __m512i even = _mm512_permutex2var_epi32(sum[0].v, evens, sum[1].v);
  const __m512i odd = _mm512_permutex2var_epi32(sum[0].v, odds, sum[1].v);
  _mm512_storeu_si512(c, _mm512_add_epi32(even, odd));
}
#endif

QUATRAIN_INLINE Vec to_float(const std::int32_t* c, const std::int32_t* sums, std::int32_t zero) {
  const __m512i shift = _mm512_mullo_epi32(_mm512_loadu_si512(sums), _mm512_set1_epi32(zero));
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(c), shift))};
}

struct Lanes {
  __m512i v;
};
QUATRAIN_INLINE Lanes splat_int(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
QUATRAIN_INLINE Vec to_float(Lanes a) { return {_mm512_cvtepi32_ps(a.v)}; }
QUATRAIN_INLINE Lanes minus_product(const std::uint8_t* zeros, std::int32_t x) {
  const __m512i wide =
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(zeros)));
  return {_mm512_madd_epi16(wide, _mm512_set1_epi32(-x))};
}

QUATRAIN_INLINE __m512i splat_quad(const std::int8_t* x) {
  int bytes;
  __builtin_memcpy(&bytes, x, sizeof(bytes));
  return _mm512_set1_epi32(bytes);
}
struct Bytes {
  static constexpr int kLines = 8, kSteps = 4;
  using Sum = Lanes;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return start; }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return sum; }
#ifdef QUATRAIN_VNNI
  static constexpr std::int32_t kMore = 128;
  struct Line {
    __m512i v;
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    return {_mm512_xor_si512(_mm512_loadu_si512(line), _mm512_set1_epi8(-128))};
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    return {_mm512_dpbusd_epi32(sum.v, w.v, splat_quad(x))};
  }
#else
  static constexpr std::int32_t kMore = 0;
  struct Line {
    __mmask64 negative;
    __m512i magnitudes;
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    const __m512i bytes = _mm512_loadu_si512(line);
    return {_mm512_movepi8_mask(bytes), _mm512_abs_epi8(bytes)};
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    const __m512i quad = splat_quad(x);
    const __m512i turned = _mm512_mask_sub_epi8(quad, w.negative, _mm512_setzero_si512(), quad);
    const __m512i pairs = _mm512_maddubs_epi16(w.magnitudes, turned);
    return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
  }
#endif
};
struct Nibbles {
  static constexpr int kLines = 4, kSteps = 8;
  struct Line {
    __m512i low, high;
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    const __m512i bytes = _mm512_loadu_si512(line), low = _mm512_set1_epi8(15);
    return {_mm512_and_si512(bytes, low), _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low)};
  }
#ifdef QUATRAIN_VNNI
  using Sum = Lanes;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return start; }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return sum; }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    sum.v = _mm512_dpbusd_epi32(sum.v, w.low, splat_quad(x));
    return {_mm512_dpbusd_epi32(sum.v, w.high, splat_quad(x + kQuad))};
  }
#else
  struct Sum {
    __m512i start, pairs;
  };
  static QUATRAIN_INLINE Sum begin(Lanes start) { return {start.v, _mm512_setzero_si512()}; }
  static QUATRAIN_INLINE Lanes end(Sum sum) {
    return {_mm512_add_epi32(sum.start, _mm512_madd_epi16(sum.pairs, _mm512_set1_epi16(1)))};
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    const __m512i low = _mm512_maddubs_epi16(w.low, splat_quad(x));
    const __m512i high = _mm512_maddubs_epi16(w.high, splat_quad(x + kQuad));
    return {sum.start, _mm512_add_epi16(sum.pairs, _mm512_add_epi16(low, high))};
  }
#endif
};
constexpr int kBlockRows = 8;

}  // namespace quatrain::QUATRAIN_ISA
