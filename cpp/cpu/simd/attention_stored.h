// Keys and values as they lie in memory: float32, or int8 with a scale for each head of a row, by
// which scores and weights are multiplied. Included once per instruction set.

namespace quatrain::QUATRAIN_ISA {

QUATRAIN_INLINE Vec load(const std::int8_t* p, std::ptrdiff_t n) {
  std::int8_t whole[kWidth] = {};
  for (std::ptrdiff_t i = 0; i < n; ++i) whole[i] = p[i];
  return load(whole);
}

// The integers of one head; -> its scale.
inline float quantize_head(const float* x, std::ptrdiff_t n, std::int8_t* out) {
  Vec top = zero(), odd = zero();
  std::ptrdiff_t i = 0;
  const auto look = [&](Vec value) {
    top = max(abs(value), top);
    odd = odd + value * zero();  // NaN, once there is one or an infinity
  };
  for (; i + kWidth <= n; i += kWidth) look(load(x + i));
  if (i < n) look(load(x + i, n - i));
  const float scale = reduce_max(top) / 127.0f + reduce_add(odd);
  const bool none = !(scale > 0.0f);
  for (i = 0; i < n; ++i) {
    // A tiny scale is rounded itself: what is divided by it may be too large.
    const float value = none ? 0.0f : __builtin_rintf(x[i] / scale);
    out[i] = static_cast<std::int8_t>(value > 127.0f ? 127.0f : value < -127.0f ? -127.0f : value);
  }
  return scale;
}

inline void prefetch_rows(const void* rows, std::ptrdiff_t stride, Span which,
                          std::ptrdiff_t bytes) {
  constexpr std::ptrdiff_t kLine = 64;
  const char* row = static_cast<const char*>(rows);
  for (std::ptrdiff_t j = which.begin; j < which.end; ++j, row += stride) {
    for (std::ptrdiff_t at = 0; at < bytes; at += kLine) __builtin_prefetch(row + at);
  }
}

// A panel of int8 rows, as pack_panel makes it of float32 ones.
inline void pack_panel(const std::int8_t* rows, std::ptrdiff_t stride, std::ptrdiff_t count,
                       std::ptrdiff_t k, float* panel) {
  for (std::ptrdiff_t d = 0; d < k; d += kPanel) {
    const std::ptrdiff_t columns = smaller(kPanel, k - d);
    float block[kPanel * kPanel];
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const std::int8_t* row = rows + i * stride + d;
      std::ptrdiff_t c = 0;
      for (; c + kWidth <= columns; c += kWidth) store(block + i * kPanel + c, load(row + c));
      if (c < columns) store(block + i * kPanel + c, load(row + c, columns - c));
    }
    pack_panel(block, kPanel, count, columns, panel + d * kPanel);
  }
}

// scores[i, j] = q_i . k_j for kPanel keys, the same sums as with packed keys: keys become columns
// in registers. Meanwhile the kPanel keys that follow are fetched. Scores of a row are kKeyBlock
// apart; `size` is a multiple of kWidth, of int8 keys of 4 kWidth.
template <int rows, class Key>
QUATRAIN_INLINE void score_keys(Plain queries, const Key* keys, std::ptrdiff_t stride,
                                std::ptrdiff_t size, float* scores) {
  // Four integers are turned as one float is.
  using Word = float __attribute__((may_alias));
  constexpr int kPerWord = sizeof(Word) / sizeof(Key);
  for (std::ptrdiff_t j = 0; j < kPanel; j += kWidth, keys += kWidth * stride) {
    Vec sum[rows];
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) sum[i] = zero();
    Plain left = queries;
    for (std::ptrdiff_t d = 0; d < size; d += kWidth * kPerWord) {
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) __builtin_prefetch(keys + (kPanel + i) * stride + d);
      Vec words[kWidth];
      transpose([&](int i) { return reinterpret_cast<const Word*>(keys + i * stride + d); }, words);
#pragma GCC unroll 16
      for (int c = 0; c < kWidth; ++c) {
#pragma GCC unroll 4
        for (int part = 0; part < kPerWord; ++part, left.advance()) {
          const Vec column = kPerWord == 1 ? words[c] : byte_of(words[c], part);
#pragma GCC unroll 16
          for (int i = 0; i < rows; ++i) sum[i] = fma(splat(left.at(i)), column, sum[i]);
        }
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) store(scores + i * kKeyBlock + j, sum[i]);
  }
}

}  // namespace quatrain::QUATRAIN_ISA
