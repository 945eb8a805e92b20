// What products of every kind use to cut their rows into tiles. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

inline std::ptrdiff_t smaller(std::ptrdiff_t a, std::ptrdiff_t b) { return a < b ? a : b; }
inline std::ptrdiff_t larger(std::ptrdiff_t a, std::ptrdiff_t b) { return a > b ? a : b; }

// A number of rows, `most` at most, known at run time becomes a template argument:
// f(std::integral_constant) without the standard header.
template <int n>
struct Number {
  static constexpr int value = n;
};
template <int most, class F>
QUATRAIN_INLINE void with_rows(std::ptrdiff_t rows, const F& f) {
  if (rows == most) {
    f(Number<most>());
  } else if constexpr (most > 1) {
    with_rows<most - 1>(rows, f);
  }
}

}  // namespace quatrain::QUATRAIN_ISA
