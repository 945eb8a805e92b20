// Integers on AVX2, and (with QUATRAIN_VNNI) on its extension by dot products of bytes. Included
// once per instruction set.
#include "cpu/simd/vec_avx2.h"

namespace quatrain::QUATRAIN_ISA {

using namespace avx2;  // the floats of this tier

// How the quantised values of x lie in memory, and storing a vector of them, which comes as
// kRoundingMagic + value.
#ifdef QUATRAIN_VNNI
using Value = std::uint8_t;
#else
using Value = std::int16_t;
#endif
QUATRAIN_INLINE __m128i low_words(Vec a) {
  const __m256i low = _mm256_and_si256(_mm256_castps_si256(a.v), _mm256_set1_epi32(255));
  return _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
}
QUATRAIN_INLINE void store_bytes(std::uint8_t* out, Vec a) {
  const __m128i words = low_words(a);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(words, words));
}
#ifdef QUATRAIN_VNNI
QUATRAIN_INLINE void store_values(Value* out, Vec a) { store_bytes(out, a); }
#else
QUATRAIN_INLINE void store_values(Value* out, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), low_words(a));
}
#endif

// The sums of one row and panel are kSums registers. dot() adds the products of four steps of k;
// what it multiplies, it first brings to 16 bits: the instruction that takes bytes as they are
// (vpmaddubsw) would saturate.
struct Sum {
  __m256i v;
};
struct Line {
  __m256i v;
};
struct Quad {
  __m256i v;
};
QUATRAIN_INLINE Sum no_sum() { return {_mm256_setzero_si256()}; }
QUATRAIN_INLINE Sum add(Sum a, Sum b) { return {_mm256_add_epi32(a.v, b.v)}; }
#ifdef QUATRAIN_VNNI
constexpr int kSums = 2;      // of eight columns
constexpr int kIntRows = 6;   // rows of a tile
constexpr int kTileSums = 2;  // registers of one row of a tile
constexpr int kStrands = 4;   // sums that a single row's are cut into
QUATRAIN_INLINE Line load_line(const std::int8_t* line) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(line))};
}
QUATRAIN_INLINE Quad load_quad(const Value* x) {
  int bytes;
  __builtin_memcpy(&bytes, x, sizeof(bytes));
  return {_mm256_set1_epi32(bytes)};
}
QUATRAIN_INLINE Sum dot(Sum sum, Quad x, Line w) {
  return {_mm256_dpbusd_avx_epi32(sum.v, x.v, w.v)};
}
template <int sums>
QUATRAIN_INLINE void store_columns(std::int32_t* c, const Sum* sum) {
  for (int i = 0; i < sums; ++i) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c) + i, sum[i].v);
  }
}
#else
constexpr int kSums = 4;  // of four columns, each as two halves
constexpr int kIntRows = 4;
constexpr int kTileSums = 2;
constexpr int kStrands = 2;
QUATRAIN_INLINE Line load_line(const std::int8_t* line) {
  return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(line)))};
}
QUATRAIN_INLINE Quad load_quad(const Value* x) {
  long long words;
  __builtin_memcpy(&words, x, sizeof(words));
  return {_mm256_set1_epi64x(words)};
}
QUATRAIN_INLINE Sum dot(Sum sum, Quad x, Line w) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(x.v, w.v))};
}
template <int sums>
QUATRAIN_INLINE void store_columns(std::int32_t* c, const Sum* sum) {
  for (int i = 0; i < sums; i += 2) {
    const __m256i halves = _mm256_hadd_epi32(sum[i].v, sum[i + 1].v);  // columns 0 1 4 5 2 3 6 7
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c) + i / 2,
                        _mm256_permute4x64_epi64(halves, 0xd8));
  }
}
#endif

// float(c - zero * sums)
QUATRAIN_INLINE Vec to_float(const std::int32_t* c, const std::int32_t* sums, std::int32_t zero) {
  const __m256i sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums));
  const __m256i all = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(c));
  const __m256i shift = _mm256_mullo_epi32(sum, _mm256_set1_epi32(zero));
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(all, shift))};
}

// A lane for each of kWidth columns.
struct Lanes {
  __m256i v;
};
QUATRAIN_INLINE Lanes splat_int(std::int32_t x) { return {_mm256_set1_epi32(x)}; }
QUATRAIN_INLINE Vec to_float(Lanes a) { return {_mm256_cvtepi32_ps(a.v)}; }
// Both are within 16 bits, of which products are quicker: the upper halves of `zeros` are zero.
QUATRAIN_INLINE Lanes minus_product(const std::uint8_t* zeros, std::int32_t x) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(zeros));
  return {_mm256_madd_epi16(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(-x))};
}

// Weights of blocks in kWidth columns: lines of memory, which have so many steps of k, and sums of
// their products over a group, which begin with `start`.
QUATRAIN_INLINE __m256i splat_quad(const std::int8_t* x) {
  int bytes;
  __builtin_memcpy(&bytes, x, sizeof(bytes));
  return _mm256_set1_epi32(bytes);
}
struct Bytes {
  static constexpr int kLines = 8, kSteps = 4;
  using Sum = Lanes;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return start; }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return sum; }
#ifdef QUATRAIN_VNNI
  // What has no sign is the weights, which become greater by so much.
  static constexpr std::int32_t kMore = 128;
  struct Line {
    __m256i v;
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line));
    return {_mm256_xor_si256(bytes, _mm256_set1_epi8(-128))};
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    return {_mm256_dpbusd_avx_epi32(sum.v, w.v, splat_quad(x))};
  }
#else
  // What has no sign is the weights' magnitudes, and two products of at most 128 * 127 are within
  // 16 bits.
  static constexpr std::int32_t kMore = 0;
  struct Line {
    __m256i v, magnitudes;
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line));
    return {bytes, _mm256_abs_epi8(bytes)};
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    const __m256i turned = _mm256_sign_epi8(splat_quad(x), w.v);
    const __m256i pairs = _mm256_maddubs_epi16(w.magnitudes, turned);
    return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
  }
#endif
};
struct Nibbles {
  static constexpr int kLines = 4, kSteps = 8;
  struct Line {
    __m256i low, high;
  };
  static QUATRAIN_INLINE Line load(const std::uint8_t* line) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line));
    const __m256i low = _mm256_set1_epi8(15);
    return {_mm256_and_si256(bytes, low), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low)};
  }
#ifdef QUATRAIN_VNNI
  using Sum = Lanes;
  static QUATRAIN_INLINE Sum begin(Lanes start) { return start; }
  static QUATRAIN_INLINE Lanes end(Sum sum) { return sum; }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    sum.v = _mm256_dpbusd_avx_epi32(sum.v, w.low, splat_quad(x));
    return {_mm256_dpbusd_avx_epi32(sum.v, w.high, splat_quad(x + kQuad))};
  }
#else
  // Here the instruction on bytes does not saturate: eight times two products of at most 15 * 127
  // are within 16 bits.
  struct Sum {
    __m256i start, pairs;
  };
  static QUATRAIN_INLINE Sum begin(Lanes start) { return {start.v, _mm256_setzero_si256()}; }
  static QUATRAIN_INLINE Lanes end(Sum sum) {
    return {_mm256_add_epi32(sum.start, _mm256_madd_epi16(sum.pairs, _mm256_set1_epi16(1)))};
  }
  static QUATRAIN_INLINE Sum dot(Sum sum, const std::int8_t* x, Line w) {
    const __m256i low = _mm256_maddubs_epi16(w.low, splat_quad(x));
    const __m256i high = _mm256_maddubs_epi16(w.high, splat_quad(x + kQuad));
    return {sum.start, _mm256_add_epi16(sum.pairs, _mm256_add_epi16(low, high))};
  }
#endif
};
constexpr int kBlockRows = 4;  // rows of a tile

}  // namespace quatrain::QUATRAIN_ISA
