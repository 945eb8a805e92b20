#include "cpu/kernels.h"

#include "core/cpu.h"

namespace quatrain {

namespace {

const Kernels& choose() {
#if defined(__x86_64__)
  if (selected_isa() == Isa::kAvx2) return avx2_kernels();
#endif
  selected_isa();  // an impossible QUATRAIN_ISA is an error here too
  return portable_kernels();
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();  // not remembered if choose() throws
  return chosen;
}

}  // namespace quatrain
