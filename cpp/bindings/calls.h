// The calls for texts that are made again and again are plain C functions: for a sentence, the way
// through pybind11 would take longer than the work.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>

#include "tokenizer/tokenizer.h"

namespace quatrain {

// What the calls of one tokenizer share, in a capsule that is their `self`.
struct Calls {
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;
  tokenizer::LengthSpec lengths;
  tokenizer::SpecialRule rule;
  pybind11::object encoding_type;  // Python's class
  tokenizer::IdBuffer ids;         // memory for short texts, which keep the GIL

  static constexpr const char* kCapsule = "quatrain.tokenizer.Calls";
  static Calls& of(const pybind11::handle& capsule) {
    return *static_cast<Calls*>(PyCapsule_GetPointer(capsule.ptr(), kCapsule));
  }
};

// Below this many bytes of text, releasing the GIL costs more than the work.
constexpr std::size_t kReleaseBytes = 1024;

// Runs `work`, without the GIL if the text is worth it.
template <class Work>
auto run(std::size_t bytes, Work work) {
  if (bytes < kReleaseBytes) return work();
  const pybind11::gil_scoped_release release;
  return work();
}

// What `work` makes, for Python to own; C++ exceptions become Python's.
template <class Work>
PyObject* guarded(Work work) {
  try {
    return work().release().ptr();
  } catch (...) {
    pybind11::detail::try_translate_exceptions();
    return nullptr;
  }
}

// Whether Python takes an argument for true.
inline bool is_true(PyObject* argument) {
  const int result = PyObject_IsTrue(argument);
  if (result < 0) throw pybind11::error_already_set();
  return result != 0;
}

using FastCall = PyObject* (*)(PyObject* self, PyObject* const* arguments, Py_ssize_t count);

template <FastCall function>
pybind11::object bind(const pybind11::capsule& calls, const char* name) {
  static PyMethodDef method;
  method = {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)),
            METH_FASTCALL, nullptr};
  return pybind11::reinterpret_steal<pybind11::object>(PyCFunction_New(&method, calls.ptr()));
}

}  // namespace quatrain
