// One row's scores of one key block, and how they become the weights of a softmax. Included once
// per instruction set.
//
// Vectors begin at multiples of their width within the block: each lane of a sum is then made of
// the same keys, whichever others are visible.
namespace quatrain::QUATRAIN_ISA {

constexpr float kInfinity = __builtin_inff();

// Keys [begin, end), counted from the beginning of the sentence or of a block.
struct Span {
  std::ptrdiff_t begin, end;
  bool empty() const { return begin >= end; }
  Span clipped(std::ptrdiff_t from, std::ptrdiff_t to) const {
    return {larger(begin, from), smaller(end, to)};
  }
};

inline std::ptrdiff_t aligned(std::ptrdiff_t key) { return key / kWidth * kWidth; }

inline void cap_scores(float* scores, Span span, float softcap) {
  const Vec cap = splat(softcap);
  for (std::ptrdiff_t j = aligned(span.begin); j < span.end; j += kWidth) {
    store(scores + j, cap * tanh(load(scores + j) / cap));
  }
}

inline void scale_scores(float* scores, Span span, const float* factors) {
  for (std::ptrdiff_t j = aligned(span.begin); j < span.end; j += kWidth) {
    store(scores + j, load(scores + j) * load(factors + j));
  }
}

// Only what lies inside the span is read of the bias.
inline void add_bias(float* scores, Span span, const float* bias) {
  for (std::ptrdiff_t j = aligned(span.begin); j < span.end; j += kWidth) {
    if (j >= span.begin && j + kWidth <= span.end) {
      store(scores + j, load(scores + j) + load(bias + j));
      continue;
    }
    const Span inside = span.clipped(j, j + kWidth);
    for (std::ptrdiff_t i = inside.begin; i < inside.end; ++i) scores[i] = scores[i] + bias[i];
  }
}

// The largest score of the span. NaN is left out: it is found again in the weights. The other
// scores of the vectors that hold the span become -inf.
inline float highest_score(float* scores, Span span) {
  if (span.empty()) return -kInfinity;
  const Vec lowest = splat(-kInfinity);
  const std::ptrdiff_t first = aligned(span.begin), last = aligned(span.end);
  if (first < span.begin) {
    store(scores + first, select(lanes_below(span.begin - first), lowest, load(scores + first)));
  }
  if (last < span.end) {
    store(scores + last, select(lanes_below(span.end - last), load(scores + last), lowest));
  }
  Vec top = lowest;
  for (std::ptrdiff_t j = first; j < span.end; j += kWidth) top = max(load(scores + j), top);
  return reduce_max(top);
}

// e^(score - highest), and zero for the keys of `any` outside the span; gives the sum.
inline float weigh_scores(float* scores, Span span, Span any, float highest) {
  // If all scores are -inf, the weights are zero, not NaN.
  const Vec shift = splat(highest == -kInfinity ? 0.0f : highest);
  const std::ptrdiff_t begin = smaller(aligned(span.begin), any.end);
  Vec sum = zero();
  std::ptrdiff_t j = aligned(any.begin);
  for (; j < begin; j += kWidth) store(scores + j, zero());
  for (; j < span.end; j += kWidth) {
    const Vec weight = exp_of_negative(load(scores + j) - shift);
    store(scores + j, weight);
    sum = sum + weight;
  }
  for (; j < any.end; j += kWidth) store(scores + j, zero());
  return reduce_add(sum);
}

}  // namespace quatrain::QUATRAIN_ISA
