// Ids alone. The calls for one text are plain C functions: for a sentence, the way through pybind11
// would take longer than the work.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/register.h"
#include "bindings/text.h"
#include "tokenizer/tokenizer.h"

namespace py = pybind11;

namespace quatrain {
namespace {

using namespace tokenizer;

// Below this many bytes of text, releasing the GIL costs more than the work.
constexpr std::size_t kReleaseBytes = 1024;

// What the calls of one tokenizer share.
struct Calls {
  std::shared_ptr<const Tokenizer> tokenizer;
  LengthSpec lengths;
  SpecialRule rule;
  IdBuffer ids;  // memory for short texts, which keep the GIL
};
constexpr const char* kCapsule = "quatrain.tokenizer.Calls";

struct Arguments {
  std::string_view text;
  bool add_special_tokens;
};

// Runs `work` without the GIL if the text is worth it.
template <class Work>
void run(const Arguments& arguments, Work work) {
  if (arguments.text.size() < kReleaseBytes) return work();
  const py::gil_scoped_release release;
  work();
}

// Calls make(calls, arguments) for `(text, add_special_tokens)`; C++ exceptions become Python's.
template <class Make>
PyObject* call(PyObject* self, PyObject* const* arguments, Py_ssize_t count, Make make) {
  auto& calls = *static_cast<Calls*>(PyCapsule_GetPointer(self, kCapsule));
  try {
    if (count != 2) throw py::type_error("expected text and add_special_tokens");
    const int add_special_tokens = PyObject_IsTrue(arguments[1]);
    if (add_special_tokens < 0) throw py::error_already_set();
    return make(calls, Arguments{utf8(arguments[0]), add_special_tokens != 0});
  } catch (...) {
    py::detail::try_translate_exceptions();
    return nullptr;
  }
}

PyObject* encode_ids(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return call(self, arguments, count, [](Calls& calls, const Arguments& a) {
    const auto append = [&](IdBuffer& ids) {
      calls.tokenizer->append_ids(a.text, a.add_special_tokens, calls.lengths, calls.rule, ids);
    };
    if (a.text.size() < kReleaseBytes) {
      // Taken out meanwhile: making a list may run the garbage collector, and that other calls.
      IdBuffer ids = std::move(calls.ids);
      ids.shorten(0);
      append(ids);
      py::list list = to_list(ids.ids(), to_int);
      calls.ids = std::move(ids);
      return list.release().ptr();
    }
    IdBuffer ids;
    run(a, [&] { append(ids); });
    return to_list(ids.ids(), to_int).release().ptr();
  });
}

// An array that owns the ids.
py::array_t<std::uint32_t> to_array(IdBuffer ids) {
  const auto size = static_cast<py::ssize_t>(ids.size());
  if (size == 0) return py::array_t<std::uint32_t>(0);
  std::uint32_t* data = ids.release().release();
  const py::capsule owner(
      data, [](void* memory) { IdBuffer::Free()(static_cast<std::uint32_t*>(memory)); });
  return py::array_t<std::uint32_t>(size, data, owner);
}

PyObject* encode_array(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return call(self, arguments, count, [](Calls& calls, const Arguments& a) {
    IdBuffer ids;
    run(a, [&] {
      calls.tokenizer->append_ids(a.text, a.add_special_tokens, calls.lengths, calls.rule, ids);
    });
    return to_array(std::move(ids)).release().ptr();
  });
}

PyObject* count(PyObject* self, PyObject* const* arguments, Py_ssize_t size) {
  return call(self, arguments, size, [](Calls& calls, const Arguments& a) {
    std::size_t tokens = 0;
    run(a, [&] {
      tokens = calls.tokenizer->count(a.text, a.add_special_tokens, calls.lengths, calls.rule);
    });
    return PyLong_FromSize_t(tokens);
  });
}

template <PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)>
py::object bind(const py::capsule& calls, const char* name) {
  static PyMethodDef method;
  method = {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)),
            METH_FASTCALL, nullptr};
  return py::reinterpret_steal<py::object>(PyCFunction_New(&method, calls.ptr()));
}

// The functions encode_ids, encode_array and count of (text, add_special_tokens).
py::tuple id_calls(const std::shared_ptr<Tokenizer>& tokenizer, const LengthSpec& lengths,
                   const SpecialRule& rule) {
  const py::capsule calls(new Calls{tokenizer, lengths, rule, {}}, kCapsule,
                          [](void* memory) { delete static_cast<Calls*>(memory); });
  return py::make_tuple(bind<encode_ids>(calls, "encode_ids"),
                        bind<encode_array>(calls, "encode_array"), bind<count>(calls, "count"));
}

py::tuple encode_ids_batch(const Tokenizer& self, const py::list& texts, bool add_special_tokens,
                           const LengthSpec& lengths, const SpecialRule& rule, int threads) {
  std::vector<std::string_view> views;
  views.reserve(texts.size());
  for (const py::handle& text : texts) {
    const auto name = [&] { return "text " + std::to_string(views.size()); };
    views.push_back(named(name, [&] { return utf8(text); }));
  }
  RaggedIds ragged;
  {
    const py::gil_scoped_release release;
    ragged = self.ids(views, add_special_tokens, lengths, rule, threads);
  }
  return py::make_tuple(to_array(std::move(ragged.ids)),
                        py::array_t<std::int64_t>(static_cast<py::ssize_t>(ragged.offsets.size()),
                                                  ragged.offsets.data()));
}

}  // namespace

void register_tokenizer_ids(py::module_& m) {
  m.def("id_calls", id_calls);
  m.def("encode_ids_batch", encode_ids_batch);
}

}  // namespace quatrain
