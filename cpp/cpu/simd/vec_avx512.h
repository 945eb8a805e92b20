// Sixteen float32 lanes: AVX-512 with its VL, DQ and BW parts. Has the same functions as
// vec_avx2.h; there are the comments.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define QUATRAIN_INLINE inline __attribute__((always_inline))

namespace quatrain::avx512 {

constexpr int kWidth = 16;
constexpr int kTileRows = 12;
constexpr int kRegisters = 24;
constexpr std::ptrdiff_t kBlockK = 768;  // these processors have a second-level cache of 1 MB

constexpr float kRoundingMagic = 12582912.0f;

struct Vec {
  __m512 v;
};
struct Mask {
  __mmask16 v;
};

QUATRAIN_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
QUATRAIN_INLINE void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
QUATRAIN_INLINE void prefetch(const float* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
}
QUATRAIN_INLINE void stream(float* p, Vec a) { _mm512_stream_ps(p, a.v); }
inline void settle() { _mm_sfence(); }
QUATRAIN_INLINE void prefetch_to_write(const float* p) { __builtin_prefetch(p, 1); }
QUATRAIN_INLINE Vec load_float16(const std::uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
QUATRAIN_INLINE Vec load_bfloat16(const std::uint16_t* p) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
}
QUATRAIN_INLINE Vec load(const std::int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
}
QUATRAIN_INLINE Vec byte_of(Vec words, int index) {
  const __m512i top = _mm512_slli_epi32(_mm512_castps_si512(words.v), 24 - 8 * index);
  return {_mm512_cvtepi32_ps(_mm512_srai_epi32(top, 24))};
}
QUATRAIN_INLINE Vec splat(float x) { return {_mm512_set1_ps(x)}; }
QUATRAIN_INLINE Vec zero() { return {_mm512_setzero_ps()}; }

QUATRAIN_INLINE Mask lanes_below(std::ptrdiff_t n) {
  return {static_cast<__mmask16>((1u << n) - 1u)};
}
QUATRAIN_INLINE Vec load(const float* p, std::ptrdiff_t n) {
  return {_mm512_maskz_loadu_ps(lanes_below(n).v, p)};
}
QUATRAIN_INLINE void store(float* p, Vec a, std::ptrdiff_t n) {
  _mm512_mask_storeu_ps(p, lanes_below(n).v, a.v);
}

QUATRAIN_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
QUATRAIN_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
QUATRAIN_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
QUATRAIN_INLINE Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
QUATRAIN_INLINE Vec abs(Vec a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
QUATRAIN_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return {_mm512_or_ps(_mm512_andnot_ps(bit, magnitude.v), _mm512_and_ps(bit, sign.v))};
}
QUATRAIN_INLINE Mask less(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
QUATRAIN_INLINE Mask unordered(Vec a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
QUATRAIN_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return {_mm512_mask_blend_ps(m.v, no.v, yes.v)};
}

QUATRAIN_INLINE __m512 power_of_two(__m512i n) {
  const __m512i one = _mm512_castps_si512(_mm512_set1_ps(1.0f));
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(n, 23), one));
}
QUATRAIN_INLINE Vec scale_by_small_power(Vec a, Vec magic_n) {
  return {_mm512_mul_ps(a.v, power_of_two(_mm512_castps_si512(magic_n.v)))};
}
QUATRAIN_INLINE Vec scale_by_power(Vec a, Vec magic_n) {
  return {_mm512_scalef_ps(a.v, _mm512_sub_ps(magic_n.v, _mm512_set1_ps(kRoundingMagic)))};
}
// Newton's step doubles the 14 bits of the estimate.
QUATRAIN_INLINE Vec reciprocal(Vec a) {
  const Vec estimate = {_mm512_rcp14_ps(a.v)};
  return fma(estimate, fnma(a, estimate, splat(1.0f)), estimate);
}

QUATRAIN_INLINE float reduce_add(Vec a) {
  const __m256 y = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
QUATRAIN_INLINE float reduce_max(Vec a) {
  const __m256 y = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}

QUATRAIN_INLINE void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) {
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
  even.v = _mm512_permutex2var_ps(a.v, evens, b.v);
  odd.v = _mm512_permutex2var_ps(a.v, odds, b.v);
}
QUATRAIN_INLINE void interleave(Vec even, Vec odd, Vec& a, Vec& b) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  a.v = _mm512_permutex2var_ps(even.v, low, odd.v);
  b.v = _mm512_permutex2var_ps(even.v, high, odd.v);
}

// Rows i, i+4, i+8 and i+12 share a register, four floats of each; four such are transposed in
// place.
template <class Row>
QUATRAIN_INLINE void transpose(const Row& row, Vec (&columns)[kWidth]) {
#pragma GCC unroll 4
  for (int c = 0; c < kWidth; c += 4) {
    __m512 quarter[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(row(i) + c));
      x = _mm512_insertf32x4(x, _mm_loadu_ps(row(i + 4) + c), 1);
      x = _mm512_insertf32x4(x, _mm_loadu_ps(row(i + 8) + c), 2);
      quarter[i] = _mm512_insertf32x4(x, _mm_loadu_ps(row(i + 12) + c), 3);
    }
    const __m512 a = _mm512_unpacklo_ps(quarter[0], quarter[1]);
    const __m512 b = _mm512_unpackhi_ps(quarter[0], quarter[1]);
    const __m512 d = _mm512_unpacklo_ps(quarter[2], quarter[3]);
    const __m512 e = _mm512_unpackhi_ps(quarter[2], quarter[3]);
    columns[c].v = _mm512_shuffle_ps(a, d, 0x44);
    columns[c + 1].v = _mm512_shuffle_ps(a, d, 0xee);
    columns[c + 2].v = _mm512_shuffle_ps(b, e, 0x44);
    columns[c + 3].v = _mm512_shuffle_ps(b, e, 0xee);
  }
}

}  // namespace quatrain::avx512
