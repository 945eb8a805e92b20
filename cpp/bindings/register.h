#pragma once
#include <pybind11/pybind11.h>

namespace quatrain {

void register_errors(pybind11::module_& m);
void register_model_spec(pybind11::module_& m);
void register_ops(pybind11::module_& m);
void register_plan(pybind11::module_& m);
void register_documents(pybind11::module_& m);
void register_encoding(pybind11::module_& m);
void register_json(pybind11::module_& m);
void register_tokenizer(pybind11::module_& m);
void register_tokenizer_calls(pybind11::module_& m);
void register_tokenizer_spec(pybind11::module_& m);
void register_trainer(pybind11::module_& m);

}  // namespace quatrain
