// This file alone is compiled for AVX2 (CMakeLists.txt reads its name).
#if defined(__x86_64__)
#include "cpu/integer.h"

#define QUATRAIN_ISA avx2_ints
// clang-format off: each of these uses the ones before it
#include "cpu/simd/ints_avx2.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix_int8.h"
#include "cpu/simd/matrix_blocks.h"
#include "cpu/simd/integer_table.h"
// clang-format on

namespace quatrain {

const IntegerKernels& avx2_integers() {
  static const IntegerKernels table =
      avx2_ints::make_integers(avx2_ints::int8_tiles, avx2_ints::blocks);
  return table;
}

}  // namespace quatrain

#endif
