// This file alone is compiled for AVX-512 (CMakeLists.txt reads its name).
#if defined(__x86_64__)
// GCC 12 takes the deliberately undefined registers inside its own intrinsics for mistakes of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "cpu/integer.h"

#define QUATRAIN_ISA avx512_ints
// clang-format off: each of these uses the ones before it
#include "cpu/simd/ints_avx512.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix_int8.h"
#include "cpu/simd/matrix_blocks.h"
#include "cpu/simd/integer_table.h"
// clang-format on

namespace quatrain {

const IntegerKernels& avx512_integers() {
  static const IntegerKernels table =
      avx512_ints::make_integers(avx512_ints::int8_tiles, avx512_ints::blocks);
  return table;
}

}  // namespace quatrain

#endif
