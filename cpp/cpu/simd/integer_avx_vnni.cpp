// This file alone is compiled for AVX2 with AVX-VNNI (CMakeLists.txt reads its name).
#if defined(__x86_64__)
#include "cpu/integer.h"

#define QUATRAIN_ISA avx_vnni_ints
#define QUATRAIN_VNNI
// clang-format off: each of these uses the ones before it
#include "cpu/simd/ints_avx2.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix_int8.h"
#include "cpu/simd/matrix_blocks.h"
#include "cpu/simd/integer_table.h"
// clang-format on

namespace quatrain {

const IntegerKernels& avx_vnni_integers() {
  static const IntegerKernels table =
      avx_vnni_ints::make_integers(avx_vnni_ints::int8_tiles, avx_vnni_ints::blocks);
  return table;
}

}  // namespace quatrain

#endif
