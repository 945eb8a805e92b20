// The tokenizer's core. Python fills the spec (it reads the JSON) and wraps what is bound here.
#include "tokenizer/tokenizer.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/register.h"
#include "bindings/text.h"
#include "core/check.h"

namespace py = pybind11;

namespace quatrain {
namespace {

using namespace tokenizer;

using Shared = std::shared_ptr<const Tokenizer>;

struct BoundStream {
  Shared owner;
  bool skip_special_tokens;
  Decoder::State state{};
};

std::vector<std::int64_t> to_ids(const py::handle& ids) {
  // A copy: an item's __index__ may change the caller's own list.
  const auto sequence = py::reinterpret_steal<py::object>(PySequence_Tuple(ids.ptr()));
  if (!sequence) {
    PyErr_Clear();
    fail("decode", "expected a sequence of ints, got ", Py_TYPE(ids.ptr())->tp_name);
  }
  std::vector<std::int64_t> out;
  const Py_ssize_t size = PyTuple_GET_SIZE(sequence.ptr());
  out.reserve(static_cast<std::size_t>(size));
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* item = PyTuple_GET_ITEM(sequence.ptr(), i);
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(item));  // NumPy's too
    int overflow = 0;
    const long long value = index ? PyLong_AsLongLongAndOverflow(index.ptr(), &overflow) : 0;
    if (!index || PyErr_Occurred()) {
      PyErr_Clear();
      fail("decode", "expected ints, got ", Py_TYPE(item)->tp_name, " at position ", i);
    }
    if (overflow) fail("decode", "the id at position ", i, " does not fit in 64 bits");
    out.push_back(value);
  }
  return out;
}

void register_core(py::module_& m) {
  py::class_<SpecialRule>(m, "SpecialRule").def(py::init<>());
  py::class_<Tokenizer, std::shared_ptr<Tokenizer>>(m, "Tokenizer")
      .def(py::init([](const TokenizerSpec& spec) {
        const py::gil_scoped_release release;
        return std::make_shared<Tokenizer>(spec);
      }))
      .def(
          "special_rule",
          [](const Tokenizer& self, bool raises, const std::vector<std::uint32_t>& allowed,
             const std::vector<std::uint32_t>& control) {
            return self.special_rule(raises, allowed, control);
          },
          py::arg("raises"), py::arg("allowed"), py::arg("control") = std::vector<std::uint32_t>{})
      .def("cache_info",
           [](const Tokenizer& self) {
             const CacheInfo info = self.cache_info();
             return std::pair(info.caches, info.bytes);
           })
      .def("decode",
           [](const Tokenizer& self, const py::handle& ids, bool skip_special_tokens) {
             return to_str(self.decode(to_ids(ids), skip_special_tokens));
           })
      .def("stream",
           [](const std::shared_ptr<Tokenizer>& self, bool skip_special_tokens) {
             return BoundStream{self, skip_special_tokens};
           })
      .def("has", &Tokenizer::has)
      .def("token", [](const Tokenizer& self, std::uint32_t id) { return to_str(self.token(id)); })
      .def("token_bytes",
           [](const Tokenizer& self, std::uint32_t id) {
             return py::bytes(self.decoder().token_bytes(self.token(id)));
           })
      .def("find",
           [](const Tokenizer& self, const py::handle& token) { return self.find(utf8(token)); })
      .def_property_readonly("end_id", &Tokenizer::end_id)
      .def("__len__", &Tokenizer::size);

  py::class_<BoundStream>(m, "DecodeStream")
      .def("push",
           [](BoundStream& self, std::int64_t id) {
             std::string out;
             self.owner->decode_next(self.state, id, self.skip_special_tokens, out);
             return to_str(out);
           })
      .def("flush", [](BoundStream& self) {
        std::string out;
        self.owner->decoder().flush(self.state, out);
        return to_str(out);
      });
}

}  // namespace

void register_tokenizer(py::module_& m) {
  py::module_ topic = m.def_submodule("tokenizer", "The tokenizer's core and its spec.");
  register_tokenizer_spec(topic);
  register_encoding(topic);
  register_core(topic);
  register_tokenizer_calls(topic);
  register_documents(topic);
  register_trainer(topic);
}

}  // namespace quatrain
