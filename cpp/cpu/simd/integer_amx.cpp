// This file alone is compiled for AMX, beside AVX-512 with VNNI (CMakeLists.txt reads its name).
#if defined(__x86_64__)
// GCC 12 takes the deliberately undefined registers inside its own intrinsics for mistakes of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "cpu/integer.h"

#define QUATRAIN_ISA amx_ints
#define QUATRAIN_VNNI
// clang-format off: each of these uses the ones before it
#include "cpu/simd/ints_avx512.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix_int8.h"
#include "cpu/simd/matrix_blocks.h"
#include "cpu/simd/tile_config.h"
#include "cpu/simd/matrix_int8_amx.h"
#include "cpu/simd/matrix_blocks_amx.h"
#include "cpu/simd/integer_table.h"
// clang-format on

namespace quatrain {

const IntegerKernels& amx_integers() {
  static const IntegerKernels table = [] {
    IntegerKernels all = amx_ints::make_integers(amx_ints::int8_amx, amx_ints::blocks_amx);
    all.tiled_rows = amx_ints::kFewRows;
    all.filled_rows = amx_ints::kFewBlockRows;
    return all;
  }();
  return table;
}

}  // namespace quatrain

#endif
