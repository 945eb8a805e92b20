// Weights of 16 bits become float32. Included once per instruction set.
namespace quatrain::QUATRAIN_ISA {

inline void widen_float16(const std::uint16_t* x, float* out, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; i += kWidth) store(out + i, load_float16(x + i));
}
inline void widen_bfloat16(const std::uint16_t* x, float* out, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; i += kWidth) store(out + i, load_bfloat16(x + i));
}

}  // namespace quatrain::QUATRAIN_ISA
