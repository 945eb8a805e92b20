// Texts and lists between Python and C++.
#pragma once
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "tokenizer/transcode.h"

namespace quatrain {

// The UTF-8 of a str, which must outlive it, and keeps it. Only a lone surrogate has none.
std::string_view utf8(const pybind11::handle& text);
// The characters of a str, which must outlive them.
tokenizer::Characters characters(const pybind11::handle& text);

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
