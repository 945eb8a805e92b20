// What a text became, as lists, as arrays, and by place: the base of Python's class. It is written
// against Python's own interface, since most of the time that a sentence takes is spent here.
#include "bindings/encoding.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/calls.h"
#include "bindings/register.h"
#include "bindings/text.h"
#include "core/check.h"

namespace py = pybind11;

namespace quatrain {
namespace {

using namespace tokenizer;
using Part = Encoding::Part;

constexpr std::size_t kLists = 9;

struct BoundEncoding {
  Encoding data;
  Origin origin;
  std::array<py::object, kLists> lists;  // made when first asked for
};

struct Object {
  PyObject_HEAD  //
      BoundEncoding bound;
};

PyTypeObject* base_type = nullptr;

BoundEncoding& bound(PyObject* self) { return reinterpret_cast<Object*>(self)->bound; }

BoundEncoding& checked(const py::handle& self) {
  if (!PyObject_TypeCheck(self.ptr(), base_type)) throw py::type_error("expected an Encoding");
  return bound(self.ptr());
}

// The lists

py::object make_span(std::uint32_t begin, std::uint32_t end) {
  auto span = py::reinterpret_steal<py::object>(PyTuple_New(2));
  if (!span) throw py::error_already_set();
  PyObject_GC_UnTrack(span.ptr());  // ints are in no cycle, and there are many of these
  PyTuple_SET_ITEM(span.ptr(), 0, to_int(begin).release().ptr());
  PyTuple_SET_ITEM(span.ptr(), 1, to_int(end).release().ptr());
  return span;
}

// A pair of ints. Those of the tokens that short texts begin with are made but once: they come
// again and again, and each of them that is new brings the garbage collector nearer.
py::object to_span(std::uint32_t begin, std::uint32_t end) {
  constexpr std::uint32_t kBegins = 1024, kLengths = 16;
  static std::unique_ptr<PyObject*[]> kept(new PyObject* [kBegins * kLengths] {});
  const std::uint32_t length = end - begin;
  if (begin >= kBegins || length >= kLengths) return make_span(begin, end);
  PyObject*& known = kept[begin * kLengths + length];
  if (!known) {
    py::object made = make_span(begin, end);
    if (!known) known = made.release().ptr();
  }
  return py::reinterpret_borrow<py::object>(known);
}

py::object to_span(const Span& span) { return to_span(span.begin, span.end); }

py::list ids(const BoundEncoding& e) { return to_list(e.data.ids, to_int); }

py::list offsets(const BoundEncoding& e) {
  return to_list(e.data.offsets, [](const Span& span) { return to_span(span); });
}

// After unpickling, all of them are in the data.
std::vector<std::string_view> token_texts(const BoundEncoding& e) {
  if (e.origin.calls) return Calls::of(e.origin.calls).tokenizer->tokens(e.data);
  std::vector<std::string_view> found;
  for (const auto& [at, text] : e.data.texts) found.push_back(text);
  return found;
}

py::list tokens(const BoundEncoding& e) { return to_list(token_texts(e), to_str); }

std::vector<std::uint32_t> all_type_ids(const Encoding& data) {
  return data.spread([](const Part& part) { return part.type_id; });
}

std::vector<std::uint8_t> all_attention(const Encoding& data) {
  return data.spread(
      [](const Part& part) -> std::uint8_t { return part.kind != Part::Kind::kPadding; });
}

std::vector<std::uint8_t> all_masked(const Encoding& data) {
  return data.spread([](const Part& part) -> std::uint8_t { return part.is_masked; });
}

py::list type_ids(const BoundEncoding& e) { return to_list(all_type_ids(e.data), to_int); }
py::list attention_mask(const BoundEncoding& e) { return to_list(all_attention(e.data), to_int); }
py::list special_tokens_mask(const BoundEncoding& e) { return to_list(all_masked(e.data), to_int); }

py::list word_ids(const BoundEncoding& e) {
  return to_list(e.data.words, [](std::uint32_t word) -> py::object {
    if (word == kNoWord) return py::none();
    return to_int(word);
  });
}

py::list sequence_ids(const BoundEncoding& e) {
  std::vector<int> ids(e.data.size(), -1);
  for (const bool second : {false, true}) {
    const TokenRange range = e.data.tokens_of(second).value_or(TokenRange{});
    std::fill(ids.begin() + range.begin, ids.begin() + range.end, second);
  }
  return to_list(ids, [](int id) -> py::object {
    if (id < 0) return py::none();
    return py::int_(id);
  });
}

py::list byte_offsets(const BoundEncoding& e) {
  std::vector<Span> spans(e.data.size());
  for (const bool second : {false, true}) {
    std::vector<std::uint32_t> bytes;
    for (const Part& part : e.data.parts) {
      if (!part.is_of(second)) continue;
      if (bytes.empty()) bytes = character_bytes(utf8(second ? e.origin.pair : e.origin.text));
      for (std::uint32_t i = part.tokens.begin; i < part.tokens.end; ++i) {
        const Span& span = e.data.offsets[i];
        spans[i] = {bytes[span.begin], bytes[span.end]};
      }
    }
  }
  return to_list(spans, [](const Span& span) { return to_span(span); });
}

struct List {
  const char* name;
  py::list (*make)(const BoundEncoding&);
};
constexpr std::array<List, kLists> kMakers{{{"ids", ids},
                                            {"tokens", tokens},
                                            {"offsets", offsets},
                                            {"byte_offsets", byte_offsets},
                                            {"type_ids", type_ids},
                                            {"attention_mask", attention_mask},
                                            {"special_tokens_mask", special_tokens_mask},
                                            {"word_ids", word_ids},
                                            {"sequence_ids", sequence_ids}}};

PyObject* get_list(PyObject* self, void* index) {
  const auto i = reinterpret_cast<std::uintptr_t>(index);
  return guarded([&] {
    py::object& list = bound(self).lists[i];
    if (!list) {
      // Making it may run the garbage collector, and that other code, which may ask for it too.
      py::list made = kMakers[i].make(bound(self));
      if (!list) list = std::move(made);
    }
    return list;
  });
}

// The arrays

// A read-only view of memory that `owner` keeps.
template <class T>
py::array view(const py::handle& owner, const void* data, std::vector<py::ssize_t> shape) {
  py::array_t<T> array(std::move(shape), static_cast<const T*>(data), owner);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

template <class T>
py::array to_array(std::vector<T> values) {
  auto kept = std::make_unique<std::vector<T>>(std::move(values));
  const py::capsule owner(kept.get(),
                          [](void* memory) { delete static_cast<std::vector<T>*>(memory); });
  const std::vector<T>& data = *kept.release();
  return view<T>(owner, data.data(), {static_cast<py::ssize_t>(data.size())});
}

py::tuple arrays(const py::handle& self) {
  const Encoding& e = checked(self).data;
  const auto size = static_cast<py::ssize_t>(e.size());
  static_assert(sizeof(Span) == 2 * sizeof(std::uint32_t));
  static_assert(static_cast<std::int32_t>(kNoWord) == -1);
  return py::make_tuple(view<std::uint32_t>(self, e.ids.data(), {size}), to_array(all_type_ids(e)),
                        to_array(all_attention(e)), to_array(all_masked(e)),
                        view<std::uint32_t>(self, e.offsets.data(), {size, 2}),
                        view<std::int32_t>(self, e.words.data(), {size}));
}

// Pickling: all that an encoding says, without its tokenizer.

using Spans = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
using Parts = std::vector<std::tuple<std::uint32_t, std::uint32_t, int, bool, std::uint32_t>>;

py::tuple to_state(const py::handle& self) {
  const BoundEncoding& e = checked(self);
  Spans offsets;
  for (const Span& span : e.data.offsets) offsets.emplace_back(span.begin, span.end);
  Parts parts;
  for (const auto& [range, kind, is_masked, type_id] : e.data.parts) {
    parts.emplace_back(range.begin, range.end, static_cast<int>(kind), is_masked, type_id);
  }
  return py::make_tuple(e.data.ids, e.data.words, offsets, parts, to_list(token_texts(e), to_str),
                        e.origin.text, e.origin.pair);
}

void from_state(const py::handle& self, const py::tuple& state) {
  BoundEncoding made;
  Encoding& data = made.data;
  data.ids = state[0].cast<decltype(data.ids)>();
  data.words = state[1].cast<decltype(data.words)>();
  for (const auto& [begin, end] : state[2].cast<Spans>()) data.offsets.push_back({begin, end});
  for (const auto& [begin, end, kind, is_masked, type_id] : state[3].cast<Parts>()) {
    data.parts.push_back({{begin, end}, static_cast<Part::Kind>(kind), is_masked, type_id});
  }
  for (auto& text : state[4].cast<std::vector<std::string>>()) {
    data.texts.emplace_back(static_cast<std::uint32_t>(data.texts.size()), std::move(text));
  }
  made.origin.text = state[5];
  made.origin.pair = state[6];
  checked(self) = std::move(made);
}

py::list overflow(const py::handle& self) {
  const BoundEncoding& e = checked(self);
  if (!e.origin.calls || e.origin.is_window) return py::list();
  const Calls& calls = Calls::of(e.origin.calls);
  Origin origin = e.origin;
  origin.is_window = true;
  Input input{utf8(origin.text), std::nullopt, std::nullopt};
  if (!origin.pair.is_none()) input.pair = utf8(origin.pair);
  std::vector<Encoding> windows;
  {
    const py::gil_scoped_release release;
    windows = calls.tokenizer->overflow(input, origin.add_special_tokens, calls.lengths, calls.rule,
                                        e.data.size());
  }
  return to_list(windows, [&](Encoding& window) {
    return to_encoding(py::type::handle_of(self), std::move(window), origin);
  });
}

// The type

PyObject* make(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self) new (&bound(self)) BoundEncoding();
  return self;
}

void destroy(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyTypeObject* type = Py_TYPE(self);
  bound(self).~BoundEncoding();
  type->tp_free(self);
  Py_DECREF(type);
}

// A caller may put an encoding into its own lists.
int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  for (const py::object& list : bound(self).lists) Py_VISIT(list.ptr());
  Py_VISIT(bound(self).origin.text.ptr());  // of a class of its own, it may lead back here
  Py_VISIT(bound(self).origin.pair.ptr());
  return 0;
}

int clear(PyObject* self) {
  auto lists = std::exchange(bound(self).lists, {});
  const py::object text = std::exchange(bound(self).origin.text, py::none());
  const py::object pair = std::exchange(bound(self).origin.pair, py::none());
  return 0;
}

Py_ssize_t length(PyObject* self) { return static_cast<Py_ssize_t>(bound(self).data.size()); }

PyTypeObject* make_type() {
  static std::array<PyGetSetDef, kLists + 1> attributes{};
  for (std::uintptr_t i = 0; i < kLists; ++i) {
    attributes[i] = {kMakers[i].name, get_list, nullptr, nullptr, reinterpret_cast<void*>(i)};
  }
  const auto slot = [](int id, auto* value) {
    return PyType_Slot{id, reinterpret_cast<void*>(value)};
  };
  std::array slots{slot(Py_tp_new, make),          slot(Py_tp_dealloc, destroy),
                   slot(Py_tp_traverse, traverse), slot(Py_tp_clear, clear),
                   slot(Py_sq_length, length),     slot(Py_tp_getset, attributes.data()),
                   PyType_Slot{0, nullptr}};
  PyType_Spec spec{"quatrain._core.tokenizer.Encoding", sizeof(Object), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

py::object to_encoding(const py::handle& type, Encoding data, Origin origin) {
  auto made =
      py::reinterpret_steal<py::object>(make(reinterpret_cast<PyTypeObject*>(type.ptr()), {}, {}));
  if (!made) throw py::error_already_set();
  bound(made.ptr()).data = std::move(data);
  bound(made.ptr()).origin = std::move(origin);
  return made;
}

void register_encoding(py::module_& m) {
  base_type = make_type();
  const auto type = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(base_type));
  const auto method = [&](const char* name, auto function) {
    type.attr(name) = py::cpp_function(function, py::name(name), py::is_method(type));
  };
  method("_is_pair", [](const py::handle& self) { return !checked(self).origin.pair.is_none(); });
  method("_arrays", arrays);
  method("_overflow", overflow);
  method("_state", to_state);
  method("_restore", from_state);
  method("_token_at", [](const py::handle& self, std::uint32_t character, bool second) {
    return checked(self).data.token_at(character, second);
  });
  method("_tokens_of_word",
         [](const py::handle& self, std::uint32_t word, bool second) -> py::object {
           const auto range = checked(self).data.tokens_of_word(word, second);
           if (!range) return py::none();
           return to_span(range->begin, range->end);
         });
  m.attr("Encoding") = type;
}

}  // namespace quatrain
