// This file alone is compiled for AVX2, FMA and F16C (CMakeLists.txt reads its name).
#if defined(__x86_64__)
#include "cpu/kernels.h"
#include "cpu/simd/vec_avx2.h"

#define QUATRAIN_ISA avx2
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

const Kernels& avx2_kernels() {
  static const Kernels table = avx2::make_kernels();
  return table;
}

}  // namespace quatrain

#endif
