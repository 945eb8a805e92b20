// Integers on AVX2, and (with QUATRAIN_VNNI) on its extension by dot products of bytes. Included
// once per instruction set.
#include "cpu/simd/vec_avx2.h"

namespace quatrain::QUATRAIN_ISA {

using namespace avx2;  // NOLINT

// How the quantised values of x lie in memory, and storing a vector of them, which comes as
// kRoundingMagic + value.
#ifdef QUATRAIN_VNNI
using Value = std::uint8_t;
#else
using Value = std::int16_t;
#endif
QUATRAIN_INLINE void store_values(Value* out, Vec a) {
  const __m256i low = _mm256_and_si256(_mm256_castps_si256(a.v), _mm256_set1_epi32(255));
  const __m128i words =
      _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
#ifdef QUATRAIN_VNNI
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(words, words));
#else
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), words);
#endif
}

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

}  // namespace quatrain::QUATRAIN_ISA
