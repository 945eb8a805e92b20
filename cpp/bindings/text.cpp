#include "bindings/text.h"

#include <new>
#include <string>

#include "core/check.h"

namespace quatrain {

tokenizer::Characters characters(const pybind11::handle& text) {
  PyObject* object = text.ptr();
  check(PyUnicode_Check(object), "encode", "expected a str, got ", Py_TYPE(object)->tp_name);
#if PY_VERSION_HEX < 0x030C0000
  if (PyUnicode_READY(object) < 0) throw pybind11::error_already_set();
#endif
  const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(object));
  const auto width = static_cast<std::size_t>(PyUnicode_KIND(object));
  return {PyUnicode_DATA(object), size, PyUnicode_IS_ASCII(object) ? 0 : width};
}

std::string_view utf8(const pybind11::handle& text) {
  const tokenizer::Characters read = characters(text);
  Py_ssize_t size = 0;
  if (const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) {
    return {data, static_cast<std::size_t>(size)};
  }
  PyErr_Clear();
  std::string buffer;
  to_utf8(read, buffer);  // says where the surrogate is
  throw std::bad_alloc();
}

}  // namespace quatrain
