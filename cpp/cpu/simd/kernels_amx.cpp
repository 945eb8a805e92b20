// This file alone is compiled for AMX with AVX-512 (CMakeLists.txt reads its name). Only the
// product of float32 has a kernel of its own here.
#if defined(__x86_64__)
// GCC 12 takes the deliberately undefined registers inside its own intrinsics for mistakes of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <limits>

#include "cpu/kernels.h"
#include "cpu/simd/vec_avx512.h"

#define QUATRAIN_ISA amx
// clang-format off: each of these uses the ones before it
#include "cpu/simd/rows.h"
#include "cpu/simd/tile_config.h"
#include "cpu/simd/parts_amx.h"
#include "cpu/simd/matrix_float_amx.h"
// clang-format on

namespace quatrain {

const Kernels& amx_kernels() {
  static const Kernels table = [] {
    Kernels kernels = avx512_kernels();
    kernels.linear_scratch = amx::kScratch;
    kernels.linear_block_rows = amx::kBlockRows;
    kernels.linear_half_rows = std::numeric_limits<std::ptrdiff_t>::max();
    kernels.linear = amx::linear;
    return kernels;
  }();
  return table;
}

}  // namespace quatrain

#endif
