// C++ errors become the documented exceptions of quatrain.errors.
#include "bindings/register.h"
#include "core/check.h"

namespace py = pybind11;

namespace quatrain {

namespace {

void raise(const char* type, const char* message) {
  const py::object error = py::module_::import("quatrain.errors").attr(type);
  PyErr_SetString(error.ptr(), message);
}

}  // namespace

void register_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr pending) {
    try {
      if (pending) std::rethrow_exception(pending);
    } catch (const TokenizerError& e) {
      raise("TokenizerError", e.what());
    } catch (const InputError& e) {
      raise("InputError", e.what());
    }
  });
}

}  // namespace quatrain
