// Scores of a few queries against keys as they lie in memory. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

// scores[i, j] = q_i . k_j for kPanel keys, the same sums as with packed keys: keys become columns
// in registers. Meanwhile the kPanel keys that follow are fetched. Scores of a row are kKeyBlock
// apart; `size` is a multiple of kWidth.
template <int rows>
void score_keys(Plain queries, const float* keys, std::ptrdiff_t stride, std::ptrdiff_t size,
                float* scores) {
  for (std::ptrdiff_t j = 0; j < kPanel; j += kWidth, keys += kWidth * stride) {
    Vec sum[rows];
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) sum[i] = zero();
    Plain left = queries;
    for (std::ptrdiff_t d = 0; d < size; d += kWidth) {
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) prefetch(keys + (kPanel + i) * stride + d);
      Vec columns[kWidth];
      transpose([&](int i) { return keys + i * stride + d; }, columns);
#pragma GCC unroll 16
      for (int c = 0; c < kWidth; ++c, left.advance()) {
#pragma GCC unroll 16
        for (int i = 0; i < rows; ++i) sum[i] = fma(splat(left.at(i)), columns[c], sum[i]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) store(scores + i * kKeyBlock + j, sum[i]);
  }
}

}  // namespace quatrain::QUATRAIN_ISA
