#include "bindings/arrays.h"

#include <functional>
#include <new>

#include "core/aligned.h"
#include "core/block.h"

namespace py = pybind11;

namespace quatrain {

namespace {

std::string type_text(py::handle value) {
  if (py::isinstance<py::array>(value)) {
    return "dtype " + py::str(py::reinterpret_borrow<py::array>(value).dtype()).cast<std::string>();
  }
  return py::type::of(value).attr("__name__").cast<std::string>();
}

// Whether it is an array of that type and native byte order.
template <class T>
bool holds(py::handle value) {
  return py::isinstance<py::array>(value) &&
         py::dtype::of<T>().equal(py::reinterpret_borrow<py::array>(value).dtype());
}

// The array itself if it is one of the wanted type; else InputError.
template <class T>
py::array typed(const char* where, const char* name, const char* type, py::handle value) {
  const bool right = holds<T>(value);
  check(right, where, "expected ", name, " to be a NumPy array of ", type, ", got ",
        right ? "" : type_text(value));
  return py::reinterpret_borrow<py::array>(value);
}

constexpr int kWhole = py::array::c_style | kAligned;

Shape shape_of(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

// Can all but the last axis be walked as one, with a single stride (in floats)?
bool as_rows(const py::array& array, ConstRows& rows) {
  constexpr py::ssize_t unit = sizeof(float);
  const py::ssize_t axes = array.ndim();
  const auto* data = static_cast<const float*>(array.data());
  if ((array.flags() & kAligned) == 0) return false;
  if (axes == 0) {
    rows = {data, 1, 1};
    return true;
  }
  const py::ssize_t columns = array.shape(axes - 1);
  py::ssize_t count = 1, stride = columns * unit;
  const bool empty = array.size() == 0;  // whatever its strides
  bool begun = false;                    // an axis of more than one row has given the stride
  for (py::ssize_t axis = axes - 2; axis >= 0; --axis) {
    const py::ssize_t size = array.shape(axis);
    if (size == 1) continue;
    if (begun && !empty && array.strides(axis) != stride * count) return false;
    if (!begun) stride = array.strides(axis);
    begun = true;
    count *= size;
  }
  if (empty) {
    rows = {data, count, columns};
    return true;
  }
  if (columns > 1 && array.strides(axes - 1) != unit) return false;
  if (stride % unit != 0 || stride < 0) return false;
  rows = {data, count, columns, stride / unit};
  return true;
}

}  // namespace

std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

py::array whole(const py::array& array) {
  py::array found = py::array::ensure(array, kWhole);
  if (!found) throw std::bad_alloc();  // nothing else can be wrong with an array
  return found;
}

FloatArray::FloatArray(const char* where, const char* name, py::handle value, int dimensions) {
  py::array array = typed<float>(where, name, "float32", value);
  shape_ = shape_of(array);
  check(array.ndim() >= dimensions, where, "expected ", name, " with ", dimensions,
        " or more axes, got shape ", shape_text(shape_));
  if (!as_rows(array, rows_)) {
    array = whole(array);
    as_rows(array, rows_);
  }
  owner_ = std::move(array);
}

Shape FloatArray::with_columns(std::ptrdiff_t columns) const {
  Shape shape = shape_;
  shape.back() = columns;
  return shape;
}

CacheArray::CacheArray(const char* where, const char* name, py::handle value) : rows_(ConstRows()) {
  if (!holds<std::int8_t>(value)) {
    const FloatArray floats(where, name, value, 2);
    owner_ = floats.owner();
    shape_ = floats.shape();
    rows_ = floats.rows();
    return;
  }
  const py::array_t<std::int8_t, py::array::c_style> array =
      py::reinterpret_borrow<py::array>(value);
  shape_ = shape_of(array);
  if (shape_.size() == 2) rows_ = Rows<const std::int8_t>(array.data(), shape_[0], shape_[1]);
  owner_ = array;
}

ConstRows CacheArray::floats(const char* where, const char* name) const {
  check(!rows_.quantized, where, "expected ", name, " of float32, got int8");
  return {static_cast<const float*>(rows_.data), rows_.rows, rows_.columns, rows_.stride};
}

TargetArray::TargetArray(const char* where, const char* name, py::handle value)
    : quantized_(holds<std::int8_t>(value)) {
  py::array array = quantized_ ? py::reinterpret_borrow<py::array>(value)
                               : typed<float>(where, name, "float32", value);
  shape_ = shape_of(array);
  check((array.flags() & kWhole) == kWhole, where, "expected ", name,
        " to be C-contiguous and aligned, got strides ",
        shape_text({array.strides(), array.strides() + array.ndim()}));
  check(array.writeable(), where, "expected ", name, " to be writable, got a read-only array");
  data_ = array.mutable_data();
  bytes_ = array.nbytes();
  owner_ = std::move(array);
}

void TargetArray::expect_apart(const char* where, const char* name, const ConstRows& input) const {
  if (input.size() == 0) return;
  const void* end = input.row(input.rows - 1) + input.columns;
  const void *begun = data_, *done = static_cast<const char*>(data_) + bytes_, *read = input.data;
  const bool apart = std::less_equal<>()(end, begun) || std::less_equal<>()(done, read);
  check(apart, where, "expected ", name, " in memory of its own, got a view of what is written");
}

FloatVector::FloatVector(const char* where, const char* name, py::handle value, std::ptrdiff_t size)
    : array_(where, name, value) {
  check(array_.dimensions() == 1 && array_.columns() == size, where, "expected ", name,
        " of shape ", shape_text({size}), ", got ", shape_text(array_.shape()));
}

IntArray::IntArray(const char* where, const char* name, py::handle value) {
  const py::array array = whole(typed<std::int64_t>(where, name, "int64", value));
  shape_ = shape_of(array);
  const auto* data = static_cast<const std::int64_t*>(array.data());
  values_.assign(data, data + array.size());
}

const IntArray& IntArray::expect(const char* where, const char* name, std::ptrdiff_t size) const {
  check(shape_.size() == 1 && this->size() == size, where, "expected ", name, " of shape ",
        shape_text({size}), ", got ", shape_text(shape_));
  return *this;
}

std::ptrdiff_t check_starts(const char* where, const char* name, const IntArray& starts,
                            std::ptrdiff_t rows) {
  check(starts.shape().size() == 1 && starts.size() >= 1, where, "expected ", name,
        " of shape (B + 1,), got ", shape_text(starts.shape()));
  const std::ptrdiff_t batch = starts.size() - 1;
  check(starts.data()[0] == 0 && starts.data()[batch] == rows, where, "expected ", name,
        " to run from 0 to ", rows, ", got ", starts.data()[0], " to ", starts.data()[batch]);
  for (std::ptrdiff_t b = 0; b < batch; ++b) {
    check(starts.data()[b] <= starts.data()[b + 1], where, name, " decreases at sentence ", b);
  }
  return batch;
}

std::ptrdiff_t head_size(const char* where, std::ptrdiff_t columns, std::ptrdiff_t heads) {
  check(heads > 0 && columns % heads == 0, where, "expected x of heads = ", heads,
        " times D columns, got ", columns);
  return columns / heads;
}

Output::Output(const Shape& shape) {
  py::ssize_t size = 1, bytes = 0;
  bool fits = true;
  for (const py::ssize_t extent : shape)
    fits = fits && !__builtin_mul_overflow(size, extent, &size);
  fits = fits && !__builtin_mul_overflow(size, py::ssize_t{sizeof(float)}, &bytes);
  if (!fits) throw std::bad_alloc();
  const std::ptrdiff_t columns = shape.empty() ? 1 : shape.back();
  void* memory;
  py::capsule owner;
  const auto wanted = static_cast<std::size_t>(bytes);
  if (wanted < Block::kWorthwhile) {
    memory = aligned_allocate(wanted);
    owner = py::capsule(memory, [](void* owned) { std::free(owned); });
  } else {
    auto block = std::make_unique<Block>(wanted);
    memory = block->data();
    owner = py::capsule(block.get(), [](void* owned) { delete static_cast<Block*>(owned); });
    block.release();
  }
  array_ = py::array(py::dtype::of<float>(), shape, memory, owner);
  rows_ = {static_cast<float*>(memory), columns == 0 ? 0 : size / columns, columns};
}

}  // namespace quatrain
