#include "cpu/kernels.h"
#include "cpu/simd/vec_portable.h"

#define QUATRAIN_ISA portable
#include "cpu/simd/math.h"
// after the functions of single vectors
#include "cpu/simd/elementwise.h"
#include "cpu/simd/matrix.h"
// after the matrix product
#include "cpu/simd/attention.h"
#include "cpu/simd/table.h"

namespace quatrain {

const Kernels& portable_kernels() {
  static const Kernels table = portable::make_kernels("portable");
  return table;
}

}  // namespace quatrain
