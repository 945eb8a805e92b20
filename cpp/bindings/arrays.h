// NumPy arrays in and out of the kernels: checked, never cast, copied only if the last axis is not
// contiguous.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "core/check.h"
#include "core/tensor.h"
#include "ops/cache_rows.h"

namespace quatrain {

using Shape = std::vector<pybind11::ssize_t>;

std::string shape_text(const Shape& shape);

inline constexpr int kAligned = pybind11::detail::npy_api::NPY_ARRAY_ALIGNED_;

// An array in one piece of memory, C-contiguous and aligned: itself, or a copy by NumPy. (A
// subclass may have an idea of its own of what copy() does.)
pybind11::array whole(const pybind11::array& array);

// A float32 array as rows of its last axis. Keeps the array (or the copy) alive.
class FloatArray {
 public:
  // `value` must be a float32 NumPy array with at least `dimensions` axes.
  FloatArray(const char* where, const char* name, pybind11::handle value, int dimensions = 0);

  const ConstRows& rows() const { return rows_; }
  const float* data() const { return rows_.data; }
  const Shape& shape() const { return shape_; }
  std::ptrdiff_t columns() const { return rows_.columns; }
  std::size_t dimensions() const { return shape_.size(); }
  const pybind11::object& owner() const { return owner_; }
  // The shape with another last axis.
  Shape with_columns(std::ptrdiff_t columns) const;

 private:
  pybind11::object owner_;
  Shape shape_;
  ConstRows rows_;
};

// Keys or values, of two axes: a float32 array as above, or int8 rows (ops/cache_rows.h), which are
// copied if they are not contiguous.
class CacheArray {
 public:
  CacheArray(const char* where, const char* name, pybind11::handle value);
  const CacheRows& rows() const { return rows_; }
  const Shape& shape() const { return shape_; }
  // An InputError if they are int8.
  ConstRows floats(const char* where, const char* name) const;

 private:
  pybind11::object owner_;
  Shape shape_;
  CacheRows rows_;
};

// A C-contiguous array, aligned, that an operation writes to: float32, or int8.
class TargetArray {
 public:
  TargetArray(const char* where, const char* name, pybind11::handle value);
  bool quantized() const { return quantized_; }
  template <class T>
  T* data() const {
    return static_cast<T*>(data_);
  }
  const Shape& shape() const { return shape_; }
  // What is read must not be written meanwhile: an InputError if `input` shares memory with this.
  void expect_apart(const char* where, const char* name, const ConstRows& input) const;

 private:
  pybind11::object owner_;
  Shape shape_;
  bool quantized_;
  void* data_;
  std::ptrdiff_t bytes_;
};

// A vector of `size` floats.
class FloatVector {
 public:
  FloatVector(const char* where, const char* name, pybind11::handle value, std::ptrdiff_t size);
  const float* data() const { return array_.data(); }

 private:
  FloatArray array_;
};

// An int64 array of ids or row numbers. Copied: what was checked is what is used, even if another
// Python thread writes to the array meanwhile.
class IntArray {
 public:
  IntArray(const char* where, const char* name, pybind11::handle value);
  const std::int64_t* data() const { return values_.data(); }
  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(values_.size()); }
  const Shape& shape() const { return shape_; }
  // Checks that this is a vector of that size.
  const IntArray& expect(const char* where, const char* name, std::ptrdiff_t size) const;

 private:
  Shape shape_;
  std::vector<std::int64_t> values_;
};

// Checks that starts [B+1] run from 0 to `rows` and never decrease; returns B.
std::ptrdiff_t check_starts(const char* where, const char* name, const IntArray& starts,
                            std::ptrdiff_t rows);

// D of rows of `heads` times D columns; checks that they are.
std::ptrdiff_t head_size(const char* where, std::ptrdiff_t columns, std::ptrdiff_t heads);

// A fresh C-contiguous float32 array, 64-byte aligned and not initialised.
class Output {
 public:
  explicit Output(const Shape& shape);
  const MutableRows& rows() const { return rows_; }
  float* data() const { return rows_.data; }
  pybind11::array take() { return std::move(array_); }

 private:
  pybind11::array array_;
  MutableRows rows_;
};

// Lets other Python threads run while the kernel works, if that takes longer than the handing over.
// `steps` are of about a nanosecond.
class Unlocked {
 public:
  explicit Unlocked(std::ptrdiff_t steps) {
    if (steps > 10000) release_.emplace();
  }

 private:
  std::optional<pybind11::gil_scoped_release> release_;
};

}  // namespace quatrain
