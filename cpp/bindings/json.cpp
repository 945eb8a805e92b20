// What Python's parsers of JSON leave open: whether a key came twice, and what a number is.
#include <pybind11/pybind11.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

#include "bindings/register.h"
#include "tokenizer/bytes.h"
#include "tokenizer/decimal.h"

namespace py = pybind11;

namespace quatrain {
namespace {

std::size_t count_colons(PyObject* text) {
  const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(text));
  const auto count = [size](const auto* data) {
    return static_cast<std::size_t>(std::count(data, data + size, ':'));
  };
  switch (PyUnicode_KIND(text)) {
    case PyUnicode_1BYTE_KIND:
      return count(PyUnicode_1BYTE_DATA(text));
    case PyUnicode_2BYTE_KIND:
      return count(PyUnicode_2BYTE_DATA(text));
    default:
      return count(PyUnicode_4BYTE_DATA(text));
  }
}

// The colons in a text that says no more than the value: one for each member of an object, and
// those of strings.
std::size_t colons_for(PyObject* value) {
  if (PyUnicode_CheckExact(value)) return count_colons(value);
  if (!PyDict_CheckExact(value) && !PyList_CheckExact(value)) return 0;
  if (Py_EnterRecursiveCall(" while looking for keys that appear twice")) {
    throw py::error_already_set();
  }
  std::size_t count = 0;
  if (PyDict_CheckExact(value)) {
    PyObject *key, *member;
    for (Py_ssize_t at = 0; PyDict_Next(value, &at, &key, &member);) {
      count += 1 + colons_for(key) + colons_for(member);
    }
  } else {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); ++i) {
      count += colons_for(PyList_GET_ITEM(value, i));
    }
  }
  Py_LeaveRecursiveCall();
  return count;
}

// The colons of a text, and whether it may have one written as an escape.
struct Colons {
  std::size_t count;
  bool may_be_escaped;
};

Colons find_colons(std::string_view text) {
  using tokenizer::places;
  std::size_t count = 0, at = 0;
  std::uint64_t escapes = 0;  // the beginnings of \u003, and of what is like it
  for (; text.size() - at >= 68; at += 64) {
    const char* bytes = text.data() + at;
    count += static_cast<std::size_t>(std::popcount(places<':', ':'>(bytes)));
    escapes |= places<'\\', '\\'>(bytes) & places<'0', '0'>(bytes + 2) &
               places<'0', '0'>(bytes + 3) & places<'3', '3'>(bytes + 4);
  }
  const std::string_view rest = text.substr(at);
  count += static_cast<std::size_t>(std::count(rest.begin(), rest.end(), ':'));
  return {count, escapes != 0 || rest.find("\\u003") != std::string_view::npos};
}

// A member lost leaves its colon; a colon written as an escape could make up for that.
bool has_all_members(const py::bytes& data, const py::handle& value) {
  const Colons found = find_colons(std::string_view(data));
  return !found.may_be_escaped && found.count == colons_for(value.ptr());
}

}  // namespace

void register_json(py::module_& m) {
  py::module_ topic = m.def_submodule("json", "What parsers of JSON leave open.");
  topic.def("has_all_members", has_all_members);
  topic.def("read_decimal", [](const py::str& text) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (!data) throw py::error_already_set();
    return tokenizer::read_decimal({data, static_cast<std::size_t>(size)});
  });
}

}  // namespace quatrain
