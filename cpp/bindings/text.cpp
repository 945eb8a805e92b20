#include "bindings/text.h"

#include "core/check.h"
#include "tokenizer/transcode.h"

namespace quatrain {
namespace {

void check_str(const pybind11::handle& text) {
  check(PyUnicode_Check(text.ptr()), "encode", "expected a str, got ",
        Py_TYPE(text.ptr())->tp_name);
}

[[noreturn]] void fail_surrogate(const pybind11::handle& text) {
  Py_ssize_t at = 0;
  const Py_ssize_t length = PyUnicode_GetLength(text.ptr());
  while (at < length && !Py_UNICODE_IS_SURROGATE(PyUnicode_ReadChar(text.ptr(), at))) ++at;
  fail("encode", "the text has a lone surrogate at character ", at, ", which UTF-8 cannot express");
}

}  // namespace

std::string_view utf8(const pybind11::handle& text) {
  check_str(text);
  Py_ssize_t size = 0;
  if (const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) {
    return {data, static_cast<std::size_t>(size)};
  }
  PyErr_Clear();
  fail_surrogate(text);
}

Utf8::Utf8(const pybind11::handle& text) {
  check_str(text);
  const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(text.ptr()));
  if (PyUnicode_IS_ASCII(text.ptr())) {
    view_ = {reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(text.ptr())), size};
    return;
  }
  const auto make = [&]<class Unit>(const Unit* units) {
    made_ = std::make_unique_for_overwrite<char[]>(size * tokenizer::kMostBytes<Unit>);
    const char* end = tokenizer::write_utf8(units, units + size, made_.get());
    if (!end) fail_surrogate(text);
    view_ = {made_.get(), end};
  };
  switch (PyUnicode_KIND(text.ptr())) {
    case PyUnicode_1BYTE_KIND:
      make(PyUnicode_1BYTE_DATA(text.ptr()));
      break;
    case PyUnicode_2BYTE_KIND:
      make(PyUnicode_2BYTE_DATA(text.ptr()));
      break;
    default:
      make(PyUnicode_4BYTE_DATA(text.ptr()));
  }
}

}  // namespace quatrain
