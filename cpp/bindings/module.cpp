// The extension module `quatrain._core`: one register function per topic.
#include <pybind11/pybind11.h>

#include "bindings/register.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "quatrain's C++ cores: tokenizer and CPU kernels.";
  quatrain::register_errors(m);
  quatrain::register_ops(m);
  quatrain::register_tokenizer(m);
}
