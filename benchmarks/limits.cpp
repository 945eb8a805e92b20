// What this machine can do at most: plain loops that do nothing else. Compiled where it runs, by
// limits.py, and no part of the product.
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))
#define AVX2 __attribute__((target("avx2,fma")))
#define AMX __attribute__((target("avx512f,amx-tile,amx-int8")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni")))

namespace {

constexpr int kChains = 12;  // more than latency times throughput of any unit of today

template <class T>
void use(T& value) {
  asm volatile("" : "+x"(value));
}
AVX512 void use512(__m512& value) { asm volatile("" : "+v"(value)); }
AVX512 void use512(__m512i& value) { asm volatile("" : "+v"(value)); }

}  // namespace

// steps: of kChains multiply-adds of 8, 16, 32 (int8 in AVX2) or 64 (int8 in AVX-512) values.
EXPORT AVX2 void fma_avx2(std::int64_t steps) {
  __m256 sum[kChains] = {}, x = _mm256_set1_ps(1e-9f), y = _mm256_set1_ps(1e-9f);
  use(x), use(y);
  for (auto& s : sum) use(s);  // or equal chains become one
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& s : sum) s = _mm256_fmadd_ps(x, y, s);
  }
  for (auto& s : sum) use(s);
}

EXPORT AVX512 void fma_avx512(std::int64_t steps) {
  __m512 sum[kChains] = {}, x = _mm512_set1_ps(1e-9f), y = _mm512_set1_ps(1e-9f);
  use512(x), use512(y);
  for (auto& s : sum) use512(s);
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& s : sum) s = _mm512_fmadd_ps(x, y, s);
  }
  for (auto& s : sum) use512(s);
}

// Without VNNI: products to 16 bits, pairs to 32, a sum.
EXPORT AVX2 void int8_avx2(std::int64_t steps) {
  __m256i sum[kChains] = {}, x = _mm256_set1_epi8(1), y = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  for (auto& s : sum) use(s);
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& s : sum) {
      use(x);
      s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(x, y), ones));
    }
  }
  for (auto& s : sum) use(s);
}

EXPORT AVX512 void int8_avx512(std::int64_t steps) {
  __m512i sum[kChains] = {}, x = _mm512_set1_epi8(1), y = _mm512_set1_epi8(1);
  use512(x), use512(y);
  for (auto& s : sum) use512(s);
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& s : sum) s = _mm512_dpbusd_epi32(s, x, y);
  }
  for (auto& s : sum) use512(s);
}

// steps: of four products of 16x64 by 64x16 values in tiles. Does nothing without permission to use
// them, which Linux gives for the asking.
EXPORT AMX void int8_amx(std::int64_t steps) {
  constexpr int kAsk = 0x1023, kTileData = 18;
  if (syscall(SYS_arch_prctl, kAsk, kTileData) != 0) return;
  static const struct alignas(64) Shape {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } shape;
  alignas(64) static const std::int8_t values[1024] = {1};
  _tile_loadconfig(&shape);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, values, 64);
  _tile_loadd(5, values, 64);
  _tile_loadd(6, values, 64);
  _tile_loadd(7, values, 64);
  for (std::int64_t i = 0; i < steps; ++i) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
}

// bytes: a multiple of 512.
EXPORT AVX2 void read_avx2(const char* from, std::int64_t bytes) {
  __m256 sum[8] = {};
  for (std::int64_t i = 0; i < bytes; i += 256) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      sum[j] = _mm256_xor_ps(sum[j], _mm256_loadu_ps((const float*)(from + i + 32 * j)));
    }
  }
  for (auto& s : sum) use(s);
}

EXPORT AVX512 void read_avx512(const char* from, std::int64_t bytes) {
  __m512i sum[8] = {};
  for (std::int64_t i = 0; i < bytes; i += 512) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      sum[j] = _mm512_xor_si512(sum[j], _mm512_loadu_si512(from + i + 64 * j));
    }
  }
  for (auto& s : sum) use512(s);
}

EXPORT void copy(const char* from, char* to, std::int64_t bytes) {
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

// Past the caches: right for what does not fit in them.
EXPORT AVX2 void copy_streaming(const char* from, char* to, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; i += 64) {
    const __m256i low = _mm256_loadu_si256((const __m256i*)(from + i));
    const __m256i high = _mm256_loadu_si256((const __m256i*)(from + i + 32));
    _mm256_stream_si256((__m256i*)(to + i), low);
    _mm256_stream_si256((__m256i*)(to + i + 32), high);
  }
  _mm_sfence();
}
