// Texts and lists between Python and C++.
#pragma once
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"

namespace quatrain {

// The UTF-8 of a str, which must outlive it. Only a lone surrogate has none.
inline std::string_view utf8(const pybind11::handle& text) {
  if (!PyUnicode_Check(text.ptr())) {
    fail("encode", "expected a str, got ", Py_TYPE(text.ptr())->tp_name);
  }
  Py_ssize_t size = 0;
  if (const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) {
    return {data, static_cast<std::size_t>(size)};
  }
  PyErr_Clear();
  Py_ssize_t at = 0;
  const Py_ssize_t length = PyUnicode_GetLength(text.ptr());
  while (at < length && !Py_UNICODE_IS_SURROGATE(PyUnicode_ReadChar(text.ptr(), at))) ++at;
  fail("encode", "the text has a lone surrogate at character ", at, ", which UTF-8 cannot express");
}

inline pybind11::str to_str(std::string_view text) {
  PyObject* object =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "strict");
  if (!object) throw pybind11::error_already_set();
  return pybind11::reinterpret_steal<pybind11::str>(object);
}

template <class Values, class Convert>
pybind11::list to_list(Values&& values, Convert convert) {
  pybind11::list list(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), convert(values[i]).release().ptr());
  }
  return list;
}

// An int, of which small ones are made but once: ids come again and again.
inline pybind11::object to_int(std::uint32_t value) {
  constexpr std::size_t kKept = 1 << 18;
  static std::unique_ptr<PyObject*[]> kept(new PyObject* [kKept] {});
  if (value >= kKept) {
    PyObject* made = PyLong_FromUnsignedLong(value);
    if (!made) throw pybind11::error_already_set();
    return pybind11::reinterpret_steal<pybind11::object>(made);
  }
  PyObject*& known = kept[value];
  if (!known) known = PyLong_FromUnsignedLong(value);
  if (!known) throw pybind11::error_already_set();
  return pybind11::reinterpret_borrow<pybind11::object>(known);
}

}  // namespace quatrain
