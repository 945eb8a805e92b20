// Documents of any number and length.
#include "tokenizer/documents.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/register.h"
#include "bindings/text.h"
#include "core/check.h"

namespace py = pybind11;

namespace quatrain {
namespace {

using tokenizer::DocumentEncoder;

// An array that owns the vector's memory.
template <class T>
py::array_t<T> to_array(std::vector<T> values) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  const py::capsule owner(owned.get(), [](void* p) { delete static_cast<std::vector<T>*>(p); });
  const auto& kept = *owned.release();
  return py::array_t<T>(static_cast<py::ssize_t>(kept.size()), kept.data(), owner);
}

py::tuple to_arrays(DocumentEncoder::Output output) {
  return py::make_tuple(to_array(std::move(output.ids)), to_array(std::move(output.ends)));
}

}  // namespace

void register_documents(py::module_& m) {
  py::class_<DocumentEncoder>(m, "DocumentEncoder")
      .def(py::init<std::shared_ptr<const tokenizer::Tokenizer>, bool, tokenizer::SpecialRule, int,
                    std::size_t>())
      .def("push",
           [](DocumentEncoder& self, const py::bytes& block, const py::bytes& separator,
              bool is_last) {
             const std::string_view text = block, between = separator;
             DocumentEncoder::Output output;
             {
               const py::gil_scoped_release release;
               output = self.push(text, between, is_last);
             }
             return to_arrays(std::move(output));
           })
      .def("encode", [](DocumentEncoder& self, const py::list& documents) {
        std::vector<std::string_view> texts;
        texts.reserve(documents.size());
        for (const py::handle& document : documents) {
          const auto name = [&] {
            return "document " + std::to_string(self.documents() + texts.size());
          };
          texts.push_back(named(name, [&] { return utf8(document); }));
        }
        DocumentEncoder::Output output;
        {
          const py::gil_scoped_release release;
          output = self.encode(texts);
        }
        return to_arrays(std::move(output));
      });
}

}  // namespace quatrain
