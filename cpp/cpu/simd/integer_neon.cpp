// Every AArch64 processor has NEON.
#if defined(__aarch64__)
#include "cpu/integer.h"

#define QUATRAIN_ISA neon_ints
// clang-format off: each of these uses the ones before it
#include "cpu/simd/ints_neon.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix_int8.h"
#include "cpu/simd/matrix_blocks.h"
#include "cpu/simd/integer_table.h"
// clang-format on

namespace quatrain {

const IntegerKernels& neon_integers() {
  static const IntegerKernels table =
      neon_ints::make_integers(neon_ints::int8_tiles, neon_ints::blocks);
  return table;
}

}  // namespace quatrain

#endif
