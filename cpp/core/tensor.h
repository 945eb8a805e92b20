// A non-owning view of rows: the last axis is contiguous, consecutive rows are `stride` elements
// apart. Every kernel works on rows, so this is all the tensor the C++ side needs.
#pragma once
#include <cstddef>

namespace quatrain {

template <class T>
struct Rows {
  T* data = nullptr;
  std::ptrdiff_t rows = 0;
  std::ptrdiff_t columns = 0;
  std::ptrdiff_t stride = 0;

  Rows() = default;
  Rows(T* data_, std::ptrdiff_t rows_, std::ptrdiff_t columns_, std::ptrdiff_t stride_)
      : data(data_), rows(rows_), columns(columns_), stride(stride_) {}
  Rows(T* data_, std::ptrdiff_t rows_, std::ptrdiff_t columns_)
      : Rows(data_, rows_, columns_, columns_) {}

  T* row(std::ptrdiff_t i) const { return data + i * stride; }
  std::ptrdiff_t size() const { return rows * columns; }
  bool contiguous() const { return stride == columns || rows <= 1; }

  // A view that may be written can always be read.
  operator Rows<const T>() const { return {data, rows, columns, stride}; }
};

using ConstRows = Rows<const float>;
using MutableRows = Rows<float>;

}  // namespace quatrain
