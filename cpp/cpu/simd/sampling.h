// Looking through logits. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

// The largest value of each kLogitBlock values; returns the largest of all, or NaN if there is one.
inline float block_maxima(const float* x, std::ptrdiff_t n, float* maxima) {
  const Vec lowest = splat(-__builtin_inff());
  Vec top = lowest, nan = zero();
  for (std::ptrdiff_t first = 0; first < n; first += kLogitBlock) {
    const std::ptrdiff_t end = first + kLogitBlock < n ? first + kLogitBlock : n;
    Vec largest = lowest;
    const auto meet = [&](Vec a) {
      nan = select(unordered(a), a, nan);
      largest = max(a, largest);  // a NaN is passed over
    };
    std::ptrdiff_t i = first;
    for (; i + kWidth <= end; i += kWidth) meet(load(x + i));
    if (i < end) meet(select(lanes_below(end - i), load(x + i, end - i), lowest));
    maxima[first / kLogitBlock] = reduce_max(largest);
    top = max(largest, top);
  }
  return reduce_max(top) + reduce_add(nan);
}

// e^((x - top) factor), at most e^0, in units of e^0 / kLikeliest, rounded to the nearest. Plain
// operations in one order, which compilers put into vectors: every instruction set gives the same.
QUATRAIN_INLINE std::int64_t likelihood(float x, float top, double factor) {
  double power = (static_cast<double>(x) - static_cast<double>(top)) * factor;
  power = power < -64.0 ? -64.0 : power;  // far less than half a unit
  constexpr double kMagic = 0x1.8p52;     // rounds to a whole number, which its low bits hold
  const double magic_n = power * 0x1.71547652b82fep0 + kMagic;
  const double n = magic_n - kMagic;
  const double r = (power - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;  // ln 2, split
  // Taylor's series of e^r for |r| <= ln 2 / 2: within 1e-14.
  double e = 1.0 / 39916800;
  e = e * r + 1.0 / 3628800;
  e = e * r + 1.0 / 362880;
  e = e * r + 1.0 / 40320;
  e = e * r + 1.0 / 5040;
  e = e * r + 1.0 / 720;
  e = e * r + 1.0 / 120;
  e = e * r + 1.0 / 24;
  e = e * r + 1.0 / 6;
  e = e * r + 0.5;
  e = e * r + 1.0;
  e = e * r + 1.0;
  const std::int64_t exponent = (__builtin_bit_cast(std::int64_t, magic_n) + 1023 + 42) << 52;
  const double scaled = e * __builtin_bit_cast(double, exponent);
  constexpr double kWhole = 0x1p52;  // no bits for a fraction
  return __builtin_bit_cast(std::int64_t, scaled + kWhole) -
         __builtin_bit_cast(std::int64_t, kWhole);
}

inline void likelihoods(const float* x, std::ptrdiff_t n, float top, double factor,
                        std::int64_t* out) {
  for (std::ptrdiff_t i = 0; i < n; ++i) out[i] = likelihood(x[i], top, factor);
}
// The sum of e^(x - top), in parts of kLogitBlock values, which are added up as doubles.
inline double sum_exponentials(const float* x, std::ptrdiff_t n, float top) {
  const Vec highest = splat(top);
  double total = 0.0;
  for (std::ptrdiff_t first = 0; first < n; first += kLogitBlock) {
    const std::ptrdiff_t end = first + kLogitBlock < n ? first + kLogitBlock : n;
    Vec sum = zero();
    std::ptrdiff_t i = first;
    for (; i + kWidth <= end; i += kWidth) sum = sum + exp_of_negative(load(x + i) - highest);
    if (i < end) {
      const Vec rest = exp_of_negative(load(x + i, end - i) - highest);
      sum = sum + select(lanes_below(end - i), rest, zero());
    }
    total += static_cast<double>(reduce_add(sum));
  }
  return total;
}

inline std::int64_t sum_likelihoods(const float* x, std::ptrdiff_t n, float top, double factor) {
  std::int64_t sum = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) sum += likelihood(x[i], top, factor);
  return sum;
}

}  // namespace quatrain::QUATRAIN_ISA
