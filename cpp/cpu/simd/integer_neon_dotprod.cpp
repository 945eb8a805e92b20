// This file alone is compiled for dot products of bytes (CMakeLists.txt reads its name).
#if defined(__aarch64__)
#include "cpu/integer.h"

#define QUATRAIN_ISA neon_dotprod_ints
#define QUATRAIN_DOTPROD
// clang-format off: each of these uses the ones before it
#include "cpu/simd/ints_neon.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix_int8.h"
#include "cpu/simd/matrix_blocks.h"
#include "cpu/simd/integer_table.h"
// clang-format on

namespace quatrain {

const IntegerKernels& neon_dotprod_integers() {
  static const IntegerKernels table =
      neon_dotprod_ints::make_integers(neon_dotprod_ints::int8_tiles, neon_dotprod_ints::blocks);
  return table;
}

}  // namespace quatrain

#endif
