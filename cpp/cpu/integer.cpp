#include "cpu/integer.h"

#include "core/cpu.h"

namespace quatrain {

namespace {

const IntegerKernels& choose() {
  switch (selected_isa()) {
#if defined(__x86_64__)
    case Isa::kAmx:
      return amx_integers();
    case Isa::kAvx512Vnni:
      return avx512_vnni_integers();
    case Isa::kAvx512:
      return avx512_integers();
    case Isa::kAvxVnni:
      return avx_vnni_integers();
    case Isa::kAvx2:
      return avx2_integers();
#elif defined(__aarch64__)
    case Isa::kNeonDotprod:
      return neon_dotprod_integers();
    case Isa::kNeon:
      return neon_integers();
#endif
    default:
      return portable_integers();
  }
}

}  // namespace

const IntegerKernels& integer_kernels() {
  static const IntegerKernels& chosen = choose();  // not remembered if choose() throws
  return chosen;
}

}  // namespace quatrain
