// Rows of keys or values as a cache holds them: float32, or int8 with scales.
#pragma once
#include <cstdint>

#include "core/tensor.h"

namespace quatrain {

// An int8 row of H heads of D values has H*D integers, and behind them H float32 scales in the
// bytes of 4 columns each. A head's scale is the largest of its magnitudes / 127, its integers are
// x / scale, rounded to even; all are 0 where the scale is, and a head with NaN or infinity has the
// scale NaN.
using Int8Rows = Rows<std::int8_t>;
inline constexpr std::ptrdiff_t kScaleColumns = 4;

// Either of them, to be read. Columns and stride are in elements.
struct CacheRows {
  const void* data;
  std::ptrdiff_t rows, columns, stride;
  bool quantized;

  CacheRows(ConstRows x)
      : data(x.data), rows(x.rows), columns(x.columns), stride(x.stride), quantized(false) {}
  CacheRows(MutableRows x) : CacheRows(ConstRows(x)) {}
  CacheRows(Rows<const std::int8_t> x)
      : data(x.data), rows(x.rows), columns(x.columns), stride(x.stride), quantized(true) {}
  CacheRows(Int8Rows x) : CacheRows(Rows<const std::int8_t>(x)) {}

  // Columns of so many heads' values, and of one head's.
  std::ptrdiff_t value_columns(std::ptrdiff_t heads) const {
    return columns - (quantized ? heads * kScaleColumns : 0);
  }
  std::ptrdiff_t size(std::ptrdiff_t heads) const { return value_columns(heads) / heads; }
  const void* at(std::ptrdiff_t row, std::ptrdiff_t column) const {
    const std::ptrdiff_t index = row * stride + column;
    return quantized ? static_cast<const void*>(static_cast<const std::int8_t*>(data) + index)
                     : static_cast<const float*>(data) + index;
  }
};

}  // namespace quatrain
