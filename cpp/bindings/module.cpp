// The extension module `quatrain._core`: one register function per topic.
#include <pybind11/pybind11.h>

#include "bindings/register.h"
#include "core/interrupt.h"

namespace py = pybind11;

namespace {

// Python runs what a signal calls for on its main thread alone, which imports this as a rule.
void ask_python() {
  const py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "quatrain's C++ cores: tokenizer and CPU kernels.";
  quatrain::set_interrupt(ask_python);
  quatrain::register_errors(m);
  quatrain::register_ops(m);
  quatrain::register_plan(m);
  quatrain::register_json(m);
  quatrain::register_tokenizer(m);
}
