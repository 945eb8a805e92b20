#include "cpu/kernels.h"
#include "cpu/simd/vec_portable.h"

#define QUATRAIN_ISA portable
// clang-format off: each of these uses the ones before it
#include "cpu/simd/math.h"
#include "cpu/simd/elementwise.h"
#include "cpu/simd/sampling.h"
#include "cpu/simd/rows.h"
#include "cpu/simd/matrix.h"
#include "cpu/simd/attention_row.h"
#include "cpu/simd/attention_stored.h"
#include "cpu/simd/attention_results.h"
#include "cpu/simd/attention.h"
#include "cpu/simd/halves.h"
#include "cpu/simd/table.h"
// clang-format on

namespace quatrain {

const Kernels& portable_kernels() {
  static const Kernels table = portable::make_kernels();
  return table;
}

}  // namespace quatrain
