#include "cpu/integer.h"

#define QUATRAIN_ISA portable_ints
// clang-format off: each of these uses the ones before it
#include "cpu/simd/ints_portable.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix_int8.h"
#include "cpu/simd/matrix_blocks.h"
#include "cpu/simd/integer_table.h"
// clang-format on

namespace quatrain {

const IntegerKernels& portable_integers() {
  static const IntegerKernels table =
      portable_ints::make_integers(portable_ints::int8_tiles, portable_ints::blocks);
  return table;
}

}  // namespace quatrain
