// This file alone is compiled for AVX-512 (CMakeLists.txt reads its name).
#if defined(__x86_64__)
// GCC 12 takes the deliberately undefined registers inside its own intrinsics for mistakes of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "cpu/kernels.h"
#include "cpu/simd/vec_avx512.h"

#define QUATRAIN_ISA avx512
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

const Kernels& avx512_kernels() {
  static const Kernels table = avx512::make_kernels();
  return table;
}

}  // namespace quatrain

#endif
