// Eight float32 lanes: AVX2 with FMA.
//
// Everything lives in a namespace of its own and is force-inlined, so that no AVX2 code can be
// merged by the linker into functions of the baseline.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define QUATRAIN_INLINE inline __attribute__((always_inline))

namespace quatrain::avx2 {

constexpr int kWidth = 8;       // lanes
constexpr int kTileRows = 6;    // rows of a matrix tile: 6 x 16 outputs fill 12 of 16 registers
constexpr int kRegisters = 12;  // accumulators that leave room for operands
constexpr std::ptrdiff_t kBlockK = 512;  // 192 KB of rows: second-level caches have 256 or more

// x + kRoundingMagic - kRoundingMagic is x rounded to an integer, for |x| < 2^22: 1.5 * 2^23 leaves
// no bits for a fraction.
constexpr float kRoundingMagic = 12582912.0f;

struct Vec {
  __m256 v;
};
struct Mask {
  __m256 v;
};

QUATRAIN_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
QUATRAIN_INLINE void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
QUATRAIN_INLINE void prefetch(const float* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}
// Past the caches, to an address that is a multiple of a vector's size; settle() comes after the
// last of them, before another thread is told.
QUATRAIN_INLINE void stream(float* p, Vec a) { _mm256_stream_ps(p, a.v); }
inline void settle() { _mm_sfence(); }
QUATRAIN_INLINE void prefetch_to_write(const float* p) { __builtin_prefetch(p, 1); }
// Of kWidth halves of 16 bits.
QUATRAIN_INLINE Vec load_float16(const std::uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
QUATRAIN_INLINE Vec load_bfloat16(const std::uint16_t* p) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16))};
}
QUATRAIN_INLINE Vec load(const std::int8_t* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))};
}
// One of the four int8 that lie in each lane, the first is 0.
QUATRAIN_INLINE Vec byte_of(Vec words, int index) {
  const __m256i top = _mm256_slli_epi32(_mm256_castps_si256(words.v), 24 - 8 * index);
  return {_mm256_cvtepi32_ps(_mm256_srai_epi32(top, 24))};
}
QUATRAIN_INLINE Vec splat(float x) { return {_mm256_set1_ps(x)}; }
QUATRAIN_INLINE Vec zero() { return {_mm256_setzero_ps()}; }

// The first n lanes, 0 <= n <= 8; the others read as zero and are not written.
QUATRAIN_INLINE __m256i first_lanes(std::ptrdiff_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}
QUATRAIN_INLINE Vec load(const float* p, std::ptrdiff_t n) {
  return {_mm256_maskload_ps(p, first_lanes(n))};
}
QUATRAIN_INLINE void store(float* p, Vec a, std::ptrdiff_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), a.v);
}
QUATRAIN_INLINE Mask lanes_below(std::ptrdiff_t n) { return {_mm256_castsi256_ps(first_lanes(n))}; }

QUATRAIN_INLINE Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }    // ab+c
QUATRAIN_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }  // c-ab
// If either operand is NaN, max and min give b.
QUATRAIN_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
QUATRAIN_INLINE Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
QUATRAIN_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.v), _mm256_and_ps(bit, sign.v))};
}
QUATRAIN_INLINE Mask less(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
// Lanes that are NaN.
QUATRAIN_INLINE Mask unordered(Vec a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
QUATRAIN_INLINE Vec select(Mask m, Vec yes, Vec no) { return {_mm256_blendv_ps(no.v, yes.v, m.v)}; }

// 2^n as a float32, n in [-126, 127]; the upper bits of n do not matter.
QUATRAIN_INLINE __m256 power_of_two(__m256i n) {
  const __m256i one = _mm256_castps_si256(_mm256_set1_ps(1.0f));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(n, 23), one));
}
// a * 2^n; n comes as kRoundingMagic + n, whose low bits hold n. Multiplied, so that NaN stays.
QUATRAIN_INLINE Vec scale_by_small_power(Vec a, Vec magic_n) {
  return {_mm256_mul_ps(a.v, power_of_two(_mm256_castps_si256(magic_n.v)))};
}
// a * 2^n for n in [-252, 252]: two factors, so that neither overflows where the product does not.
QUATRAIN_INLINE Vec scale_by_power(Vec a, Vec magic_n) {
  const __m256i n = _mm256_sub_epi32(_mm256_castps_si256(magic_n.v),
                                     _mm256_castps_si256(_mm256_set1_ps(kRoundingMagic)));
  const __m256i half = _mm256_srai_epi32(n, 1);
  const __m256 first = power_of_two(half);
  const __m256 second = power_of_two(_mm256_sub_epi32(n, half));
  return {_mm256_mul_ps(_mm256_mul_ps(a.v, first), second)};
}

// 1 / a within 1 ulp for a in [1, 2^100].
QUATRAIN_INLINE Vec reciprocal(Vec a) { return splat(1.0f) / a; }

// Reductions in a fixed tree: lane i with i+4, then i+2, then i+1.
QUATRAIN_INLINE float reduce_add(Vec a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
QUATRAIN_INLINE float reduce_max(Vec a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}

// (x0 y0 x1 y1 ...) -> (x0 x1 ...), (y0 y1 ...) and back, over two registers.
QUATRAIN_INLINE void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) {
  const __m256 low = _mm256_permute2f128_ps(a.v, b.v, 0x20);
  const __m256 high = _mm256_permute2f128_ps(a.v, b.v, 0x31);
  even.v = _mm256_shuffle_ps(low, high, 0x88);
  odd.v = _mm256_shuffle_ps(low, high, 0xdd);
}
QUATRAIN_INLINE void interleave(Vec even, Vec odd, Vec& a, Vec& b) {
  const __m256 low = _mm256_unpacklo_ps(even.v, odd.v);
  const __m256 high = _mm256_unpackhi_ps(even.v, odd.v);
  a.v = _mm256_permute2f128_ps(low, high, 0x20);
  b.v = _mm256_permute2f128_ps(low, high, 0x31);
}

// Eight rows of eight floats, row i at row(i), become eight columns.
template <class Row>
QUATRAIN_INLINE void transpose(const Row& row, Vec (&columns)[kWidth]) {
  __m256 half[8];  // half[i]: floats 0-3 of rows i and i+4; half[i+4]: floats 4-7
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const float* upper = row(i);
    const float* lower = row(i + 4);
    half[i] =
        _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper)), _mm_loadu_ps(lower), 1);
    half[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper + 4)),
                                       _mm_loadu_ps(lower + 4), 1);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(half[i], half[i + 1]);
    const __m256 b = _mm256_unpackhi_ps(half[i], half[i + 1]);
    const __m256 c = _mm256_unpacklo_ps(half[i + 2], half[i + 3]);
    const __m256 d = _mm256_unpackhi_ps(half[i + 2], half[i + 3]);
    columns[i].v = _mm256_shuffle_ps(a, c, 0x44);
    columns[i + 1].v = _mm256_shuffle_ps(a, c, 0xee);
    columns[i + 2].v = _mm256_shuffle_ps(b, d, 0x44);
    columns[i + 3].v = _mm256_shuffle_ps(b, d, 0xee);
  }
}

}  // namespace quatrain::avx2
