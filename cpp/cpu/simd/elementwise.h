// Element by element, and along one row. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

// out[i] = f(x[i]...), the last few elements as one partial vector: each element is computed by the
// same operations wherever it stands.
template <class F, class... Inputs>
QUATRAIN_INLINE void map(std::ptrdiff_t n, float* out, const F& f, const Inputs*... inputs) {
  std::ptrdiff_t i = 0;
  for (; i + kWidth <= n; i += kWidth) store(out + i, f(load(inputs + i)...));
  if (i < n) store(out + i, f(load(inputs + i, n - i)...), n - i);
}

template <Activation kind>
void activate_row(const float* x, float* out, std::ptrdiff_t n) {
  map(n, out, [](Vec a) { return activate<kind>(a); }, x);
}
template <Activation kind>
void gated_row(const float* gate, const float* up, float* out, std::ptrdiff_t n) {
  map(n, out, [](Vec a, Vec b) { return activate<kind>(a) * b; }, gate, up);
}
inline void add(const float* x, const float* y, float* out, std::ptrdiff_t n) {
  map(n, out, [](Vec a, Vec b) { return a + b; }, x, y);
}
inline void mul(const float* x, const float* y, float* out, std::ptrdiff_t n) {
  map(n, out, [](Vec a, Vec b) { return a * b; }, x, y);
}
// NaN in either operand gives NaN, as numpy.maximum.
inline void maximum(const float* x, const float* y, float* out, std::ptrdiff_t n) {
  map(n, out, [](Vec a, Vec b) { return select(unordered(a), a, max(a, b)); }, x, y);
}
inline void scale(const float* x, float factor, float* out, std::ptrdiff_t n) {
  map(n, out, [factor](Vec a) { return a * splat(factor); }, x);
}

inline void stream_row(const float* x, float* out, std::ptrdiff_t n) {
  std::ptrdiff_t i = 0;
  for (; i + kWidth <= n; i += kWidth) stream(out + i, load(x + i));
  if (i < n) store(out + i, load(x + i, n - i), n - i);
}

// A sum over x in four vectors of partial sums, joined in a fixed tree: the order depends on n
// alone. f(total, a) is the total with what `a` counts for.
template <class F>
QUATRAIN_INLINE float sum(const float* x, std::ptrdiff_t n, const F& f) {
  Vec part[4] = {zero(), zero(), zero(), zero()};
  std::ptrdiff_t i = 0;
  for (; i + 4 * kWidth <= n; i += 4 * kWidth) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) part[j] = f(part[j], load(x + i + j * kWidth));
  }
  for (; i + kWidth <= n; i += kWidth) part[0] = f(part[0], load(x + i));
  if (i < n) part[1] = select(lanes_below(n - i), f(part[1], load(x + i, n - i)), part[1]);
  return reduce_add((part[0] + part[1]) + (part[2] + part[3]));
}

QUATRAIN_INLINE Vec plus(Vec total, Vec a) { return total + a; }

inline float sum_squares(const float* x, std::ptrdiff_t n) {
  return sum(x, n, [](Vec total, Vec a) { return fma(a, a, total); });
}

// The largest value. NaN may be lost here: it is found again where the values are used.
inline float largest(const float* x, std::ptrdiff_t n) {
  const float lowest = -__builtin_inff();
  Vec part[2] = {splat(lowest), splat(lowest)};
  std::ptrdiff_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    part[0] = max(load(x + i), part[0]);
    part[1] = max(load(x + i + kWidth), part[1]);
  }
  for (; i + kWidth <= n; i += kWidth) part[0] = max(load(x + i), part[0]);
  if (i < n) {
    part[1] = max(select(lanes_below(n - i), load(x + i, n - i), splat(lowest)), part[1]);
  }
  return reduce_max(max(part[0], part[1]));
}

// e^(x - max) / sum. Like NumPy's: NaN in a row makes the row NaN.
inline void softmax(const float* x, float* out, std::ptrdiff_t n) {
  const Vec top = splat(largest(x, n));
  map(n, out, [top](Vec a) { return exp_of_negative(a - top); }, x);
  scale(out, 1.0f / sum(out, n, plus), out, n);
}

// The row that is taken next, if it lies behind this one: memory works while this one is computed.
// Nothing is read, so the address need not be valid.
QUATRAIN_INLINE void prefetch_next(const float* x, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; i += 16) prefetch(x + n + i);
}

// Two passes: the mean first, then the mean of squared distances from it.
inline void layer_norm(const float* x, const float* weight, const float* bias, float eps,
                       float* out, std::ptrdiff_t n) {
  const auto size = static_cast<float>(n);
  const Vec mean = splat(sum(x, n, plus) / size);
  prefetch_next(x, n);
  const float squares = sum(x, n, [mean](Vec total, Vec a) {
    const Vec distance = a - mean;
    return fma(distance, distance, total);
  });
  const Vec factor = splat(1.0f / __builtin_sqrtf(squares / size + eps));
  if (bias == nullptr) {
    map(n, out, [=](Vec a, Vec w) { return (a - mean) * factor * w; }, x, weight);
  } else {
    map(
        n, out, [=](Vec a, Vec w, Vec b) { return fma((a - mean) * factor, w, b); }, x, weight,
        bias);
  }
}

inline void rms_norm(const float* x, const float* weight, float eps, float* out, std::ptrdiff_t n) {
  const float mean = sum_squares(x, n) / static_cast<float>(n);
  prefetch_next(x, n);
  const Vec factor = splat(1.0f / __builtin_sqrtf(mean + eps));
  map(n, out, [=](Vec a, Vec w) { return a * factor * w; }, x, weight);
}

QUATRAIN_INLINE Vec rotate_first(Vec x, Vec y, Vec c, Vec s) { return x * c - y * s; }
QUATRAIN_INLINE Vec rotate_second(Vec x, Vec y, Vec c, Vec s) { return y * c + x * s; }

inline void rope_half_split(const float* x, const float* cosines, const float* sines, float* out,
                            std::ptrdiff_t half) {
  map(half, out, rotate_first, x, x + half, cosines, sines);
  map(half, out + half, rotate_second, x, x + half, cosines, sines);
}

inline void rope_interleaved(const float* x, const float* cosines, const float* sines, float* out,
                             std::ptrdiff_t half) {
  std::ptrdiff_t i = 0;
  for (; i + kWidth <= half; i += kWidth) {
    Vec even, odd, a, b;
    deinterleave(load(x + 2 * i), load(x + 2 * i + kWidth), even, odd);
    const Vec c = load(cosines + i), s = load(sines + i);
    interleave(rotate_first(even, odd, c, s), rotate_second(even, odd, c, s), a, b);
    store(out + 2 * i, a);
    store(out + 2 * i + kWidth, b);
  }
  for (; i < half; ++i) {
    const float even = x[2 * i], odd = x[2 * i + 1];
    out[2 * i] = even * cosines[i] - odd * sines[i];
    out[2 * i + 1] = odd * cosines[i] + even * sines[i];
  }
}

}  // namespace quatrain::QUATRAIN_ISA
