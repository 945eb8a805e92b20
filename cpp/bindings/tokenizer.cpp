#include "bindings/register.h"
namespace quatrain {
void register_tokenizer(pybind11::module_&) {}
}  // namespace quatrain
