// What is called once for every text.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/calls.h"
#include "bindings/encoding.h"
#include "bindings/register.h"
#include "bindings/text.h"
#include "core/check.h"

namespace py = pybind11;
using py::literals::operator""_a;

namespace quatrain {
namespace {

using namespace tokenizer;

// Encodings

Input to_input(const py::handle& text, const py::handle& pair) {
  Input input{utf8(text), std::nullopt, std::nullopt};
  if (!pair.is_none()) {
    input.pair = named([] { return std::string("pair"); }, [&] { return utf8(pair); });
  }
  return input;
}

std::size_t size_of(const Input& input) {
  return input.text.size() + input.pair.value_or("").size();
}

// Of (text, pair, add_special_tokens), and of the byte ranges of the text in which the rule holds.
PyObject* encode(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return guarded([&] {
    if (count != 3 && count != 4) throw py::type_error("expected 3 or 4 arguments");
    const Calls& calls = Calls::of(self);
    const py::handle text = arguments[0], pair = arguments[1];
    const bool add_special_tokens = is_true(arguments[2]);
    Input input = to_input(text, pair);
    std::vector<Piece> within;
    if (count == 4) {
      using Ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
      const auto ranges = py::handle(arguments[3]).cast<Ranges>();
      for (const auto& [begin, end] : ranges) within.push_back({begin, end});
      input.within = within;
    }
    Encoding made = run(size_of(input), [&] {
      return calls.tokenizer->encode(input, add_special_tokens, calls.lengths, calls.rule);
    });
    return to_encoding(
        calls.encoding_type, std::move(made),
        {py::reinterpret_borrow<py::object>(text), py::reinterpret_borrow<py::object>(pair),
         py::reinterpret_borrow<py::object>(self), add_special_tokens});
  });
}

// A text, or a tuple or list of two.
std::pair<py::object, py::object> to_texts(const py::handle& item, std::size_t index) {
  if (PyUnicode_Check(item.ptr())) {
    return {py::reinterpret_borrow<py::object>(item), py::none()};
  }
  const auto size = [&] { return PySequence_Fast_GET_SIZE(item.ptr()); };
  if (!(PyTuple_Check(item.ptr()) || PyList_Check(item.ptr())) || size() != 2) {
    fail("encode", "text ", index, " is ", Py_TYPE(item.ptr())->tp_name,
         ", expected a str or two of them");
  }
  PyObject** both = PySequence_Fast_ITEMS(item.ptr());
  return {py::reinterpret_borrow<py::object>(both[0]), py::reinterpret_borrow<py::object>(both[1])};
}

// Of a list of texts and pairs, add_special_tokens and threads.
PyObject* encode_batch(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return guarded([&] {
    if (count != 3) throw py::type_error("expected 3 arguments");
    const Calls& calls = Calls::of(self);
    const auto texts = py::handle(arguments[0]).cast<py::list>();
    const bool add_special_tokens = is_true(arguments[1]);
    const int threads = py::handle(arguments[2]).cast<int>();
    std::vector<Origin> origins;
    std::vector<Input> inputs;
    origins.reserve(texts.size());
    inputs.reserve(texts.size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      auto [text, pair] = to_texts(texts[i], i);
      inputs.push_back(named([i] { return "text " + std::to_string(i); },
                             [&text = text, &pair = pair] { return to_input(text, pair); }));
      bytes += size_of(inputs.back());
      origins.push_back({std::move(text), std::move(pair), py::reinterpret_borrow<py::object>(self),
                         add_special_tokens});
    }
    std::vector<Encoding> batch = run(bytes, [&] {
      return calls.tokenizer->encode_batch(inputs, add_special_tokens, calls.lengths, calls.rule,
                                           threads);
    });
    py::list made(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      made[i] = to_encoding(calls.encoding_type, std::move(batch[i]), std::move(origins[i]));
    }
    return made;
  });
}

// Ids alone

struct Arguments {
  Characters text;
  bool add_special_tokens;
};

// Calls make(calls, arguments) for `(text, add_special_tokens)`.
template <class Make>
PyObject* call(PyObject* self, PyObject* const* arguments, Py_ssize_t count, Make make) {
  return guarded([&] {
    if (count != 2) throw py::type_error("expected text and add_special_tokens");
    const bool add_special_tokens = is_true(arguments[1]);
    return make(Calls::of(self), Arguments{characters(arguments[0]), add_special_tokens});
  });
}

PyObject* encode_ids(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return call(self, arguments, count, [](Calls& calls, const Arguments& a) {
    const auto append = [&](IdBuffer& ids) {
      calls.tokenizer->append_ids(a.text, a.add_special_tokens, calls.lengths, calls.rule, ids);
    };
    if (a.text.size < kReleaseBytes) {
      // Taken out meanwhile: making a list may run the garbage collector, and that other calls.
      IdBuffer ids = std::move(calls.ids);
      ids.shorten(0);
      append(ids);
      py::list list = to_list(ids.ids(), to_int);
      calls.ids = std::move(ids);
      return list;
    }
    IdBuffer ids;
    run(a.text.size, [&] { append(ids); });
    return to_list(ids.ids(), to_int);
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
    run(a.text.size, [&] {
      calls.tokenizer->append_ids(a.text, a.add_special_tokens, calls.lengths, calls.rule, ids);
    });
    return to_array(std::move(ids));
  });
}

PyObject* count(PyObject* self, PyObject* const* arguments, Py_ssize_t size) {
  return call(self, arguments, size, [](Calls& calls, const Arguments& a) {
    return py::int_(run(a.text.size, [&] {
      return calls.tokenizer->count(a.text, a.add_special_tokens, calls.lengths, calls.rule);
    }));
  });
}

py::tuple encode_ids_batch(const Tokenizer& self, const py::list& texts, bool add_special_tokens,
                           const LengthSpec& lengths, const SpecialRule& rule, int threads) {
  std::vector<Characters> read;
  read.reserve(texts.size());
  for (const py::handle& text : texts) {
    const auto name = [&] { return "text " + std::to_string(read.size()); };
    named(name, [&] { read.push_back(characters(text)); });
  }
  RaggedIds ragged;
  {
    const py::gil_scoped_release release;
    ragged = self.ids(read, add_special_tokens, lengths, rule, threads);
  }
  return py::make_tuple(to_array(std::move(ragged.ids)),
                        py::array_t<std::int64_t>(static_cast<py::ssize_t>(ragged.offsets.size()),
                                                  ragged.offsets.data()));
}

// The functions above, by name. `encoding_type` is Python's class for encodings.
py::dict calls(const std::shared_ptr<Tokenizer>& tokenizer, const LengthSpec& lengths,
               const SpecialRule& rule, const py::object& encoding_type) {
  const py::capsule shared(new Calls{tokenizer, lengths, rule, encoding_type, {}}, Calls::kCapsule,
                           [](void* memory) { delete static_cast<Calls*>(memory); });
  return py::dict("encode"_a = bind<encode>(shared, "encode"),
                  "encode_batch"_a = bind<encode_batch>(shared, "encode_batch"),
                  "encode_ids"_a = bind<encode_ids>(shared, "encode_ids"),
                  "encode_array"_a = bind<encode_array>(shared, "encode_array"),
                  "count"_a = bind<count>(shared, "count"));
}

}  // namespace

void register_tokenizer_calls(py::module_& m) {
  m.def("calls", calls);
  m.def("encode_ids_batch", encode_ids_batch);
}

}  // namespace quatrain
