// What is known of some key blocks, and how two such results become one. Included once per
// instruction set.
namespace quatrain::QUATRAIN_ISA {

// Of rows: the largest score, the sum of the weights, and their product with the values.
struct Results {
  float *maxima, *sums, *outputs;
};

// total = total e^(max_total - max) + block e^(max_block - max), where max is the larger.
template <int height>
inline void merge(const Results& total, const Results& block, std::ptrdiff_t stride) {
  static_assert(height <= kWidth, "one vector holds a value per row of a tile");
  const Vec before = load(total.maxima, height), found = load(block.maxima, height);
  const Vec after = max(before, found);
  const Vec shift = select(less(splat(-kInfinity), after), after, zero());
  const Vec keep = exp_of_negative(before - shift), add = exp_of_negative(found - shift);
  store(total.sums, load(total.sums, height) * keep + load(block.sums, height) * add, height);
  store(total.maxima, after, height);
  float keeps[kWidth], adds[kWidth];
  store(keeps, keep);
  store(adds, add);
  for (int i = 0; i < height; ++i) {
    const Vec k = splat(keeps[i]), a = splat(adds[i]);
    float* output = total.outputs + i * stride;
    const float* addend = block.outputs + i * stride;
    for (std::ptrdiff_t d = 0; d < stride; d += kWidth) {
      store(output + d, load(output + d) * k + load(addend + d) * a);
    }
  }
}

// One over the sum of the weights, the sink's among them. Nothing visible: the output is zero.
inline float normalizer(float sum, float highest, const float* sink) {
  if (sink == nullptr) return sum == 0.0f ? 1.0f : 1.0f / sum;
  const float top = *sink > highest ? *sink : highest;
  if (top == -kInfinity) return 1.0f;
  const float keep = reduce_max(exp_of_negative(splat(highest - top)));
  const float extra = reduce_max(exp_of_negative(splat(*sink - top)));
  return keep / (sum * keep + extra);
}

}  // namespace quatrain::QUATRAIN_ISA
