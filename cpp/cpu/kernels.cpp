#include "cpu/kernels.h"

#include "core/cpu.h"

namespace quatrain {

namespace {

const Kernels& choose() {
  [[maybe_unused]] const Isa isa = selected_isa();
#if defined(__x86_64__)
  if (isa >= Isa::kAmx) return amx_kernels();
  if (isa >= Isa::kAvx512) return avx512_kernels();
  if (isa >= Isa::kAvx2) return avx2_kernels();
#elif defined(__aarch64__)
  if (isa >= Isa::kNeon) return neon_kernels();
#endif
  return portable_kernels();
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();  // not remembered if choose() throws
  return chosen;
}

ActivationKernel activation_kernel(Activation kind) {
  return kind == Activation::kNone ? nullptr : kernels().activate[static_cast<int>(kind)];
}

}  // namespace quatrain
