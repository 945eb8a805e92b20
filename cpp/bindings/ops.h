// The parts of register_ops, one file each.
#pragma once
#include <pybind11/pybind11.h>

namespace quatrain {

void register_matrices(pybind11::module_& m);
void register_sentences(pybind11::module_& m);
void register_sampling(pybind11::module_& m);

}  // namespace quatrain
