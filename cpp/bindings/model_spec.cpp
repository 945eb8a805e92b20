// The model's spec: its vocabulary and merges are read from Python's own lists and dicts.
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "bindings/register.h"
#include "bindings/text.h"
#include "tokenizer/spec.h"
#include "tokenizer/unicode.h"

namespace py = pybind11;

namespace quatrain {

using namespace tokenizer;

namespace {

// The UTF-8 of a str without lone surrogates, or nothing. It is written to `memory`, since Python
// would keep it with the str.
std::optional<std::string_view> text_of(PyObject* value, std::string& memory) {
  if (!PyUnicode_Check(value)) return std::nullopt;
  const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(value));
  const void* data = PyUnicode_DATA(value);
  if (PyUnicode_IS_ASCII(value)) return std::string_view(static_cast<const char*>(data), size);
  memory.resize(std::max(memory.size(), unicode::kMostBytes * size));
  char* end = memory.data();
  for (std::size_t i = 0; i < size; ++i) {
    const char32_t c = PyUnicode_READ(PyUnicode_KIND(value), data, static_cast<Py_ssize_t>(i));
    if (!unicode::is_character(c)) return std::nullopt;
    end = unicode::write(c, end);
  }
  return std::string_view(memory.data(), end);
}

// These read what has no other shape, and return the first entry that has, or None.

py::object read_vocab(ModelSpec& self, const py::dict& tokens) {
  self.vocab.clear();
  self.vocab.reserve(tokens.size());
  PyObject *token, *id;
  std::string memory;
  for (Py_ssize_t at = 0; PyDict_Next(tokens.ptr(), &at, &token, &id);) {
    const auto text = text_of(token, memory);
    int overflow = 0;
    const std::int64_t value =
        PyLong_CheckExact(id) ? PyLong_AsLongLongAndOverflow(id, &overflow) : (overflow = 1, 0);
    if (!text || overflow) return py::reinterpret_borrow<py::object>(token);
    self.vocab.emplace_back(*text, value);
  }
  return py::none();
}

py::object read_pieces(ModelSpec& self, const py::list& pieces) {
  self.vocab.clear();
  self.scores.clear();
  self.vocab.reserve(pieces.size());
  self.scores.reserve(pieces.size());
  std::string memory;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    PyObject* pair = PyList_GET_ITEM(pieces.ptr(), static_cast<Py_ssize_t>(i));
    if (!PyList_CheckExact(pair) || PyList_GET_SIZE(pair) != 2) return py::int_(i);
    const auto piece = text_of(PyList_GET_ITEM(pair, 0), memory);
    PyObject* number = PyList_GET_ITEM(pair, 1);
    if (!piece || !(PyFloat_CheckExact(number) || PyLong_CheckExact(number))) return py::int_(i);
    const double score = PyFloat_AsDouble(number);
    if (PyErr_Occurred()) {  // too large
      PyErr_Clear();
      return py::int_(i);
    }
    self.vocab.emplace_back(*piece, static_cast<std::int64_t>(i));
    self.scores.push_back(score);
  }
  return py::none();
}

// The ids of those of the tokens that the vocabulary has.
py::dict ids_of(const ModelSpec& self, const std::unordered_set<std::string>& tokens) {
  py::dict ids;
  for (const auto& [token, id] : self.vocab) {
    if (tokens.contains(token)) ids[to_str(token)] = id;
  }
  return ids;
}

py::object read_merges(ModelSpec& self, const py::list& merges) {
  self.merges = {};
  self.merges.reserve(merges.size());
  std::string memory, second;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    PyObject* merge = PyList_GET_ITEM(merges.ptr(), static_cast<Py_ssize_t>(i));
    if (PyList_CheckExact(merge) && PyList_GET_SIZE(merge) == 2) {
      const auto left = text_of(PyList_GET_ITEM(merge, 0), memory);
      const auto right = text_of(PyList_GET_ITEM(merge, 1), second);
      if (!left || !right) return py::int_(i);
      self.merges.add(*left, *right);
      continue;
    }
    const auto both = text_of(merge, memory);
    if (both && both->starts_with("#version")) continue;  // the head of a merges.txt
    const std::size_t space = both ? both->find(' ') : std::string_view::npos;
    if (space == std::string_view::npos || both->find(' ', space + 1) != std::string_view::npos) {
      return py::int_(i);
    }
    self.merges.add(both->substr(0, space), both->substr(space + 1));
  }
  return py::none();
}

}  // namespace

void register_model_spec(py::module_& m) {
  py::class_<ModelSpec> model(m, "ModelSpec");
  py::enum_<ModelSpec::Kind>(model, "Kind")
      .value("BPE", ModelSpec::Kind::kBpe)
      .value("WORD_PIECE", ModelSpec::Kind::kWordPiece)
      .value("UNIGRAM", ModelSpec::Kind::kUnigram)
      .value("WORD_LEVEL", ModelSpec::Kind::kWordLevel);
  py::enum_<ModelSpec::PieceKind>(model, "PieceKind")
      .value("NORMAL", ModelSpec::PieceKind::kNormal)
      .value("UNKNOWN", ModelSpec::PieceKind::kUnknown)
      .value("CONTROL", ModelSpec::PieceKind::kControl)
      .value("USER_DEFINED", ModelSpec::PieceKind::kUserDefined)
      .value("BYTE", ModelSpec::PieceKind::kByte)
      .value("UNUSED", ModelSpec::PieceKind::kUnused);
  model.def(py::init<>())
      .def_readwrite("kind", &ModelSpec::kind)
      .def_readwrite("vocab", &ModelSpec::vocab)
      .def_readwrite("unk_token", &ModelSpec::unk_token)
      .def_readwrite("continuing_subword_prefix", &ModelSpec::continuing_subword_prefix)
      .def("read_vocab", read_vocab)
      .def("read_pieces", read_pieces)
      .def("read_merges", read_merges)
      .def("ids_of", ids_of)
      .def_readwrite("end_of_word_suffix", &ModelSpec::end_of_word_suffix)
      .def_readwrite("fuse_unk", &ModelSpec::fuse_unk)
      .def_readwrite("byte_fallback", &ModelSpec::byte_fallback)
      .def_readwrite("ignore_merges", &ModelSpec::ignore_merges)
      .def_readwrite("ranks", &ModelSpec::ranks)
      .def_readwrite("max_input_chars_per_word", &ModelSpec::max_input_chars_per_word)
      .def_readwrite("scores", &ModelSpec::scores)
      .def_readwrite("unk_id", &ModelSpec::unk_id)
      .def_readwrite("kinds", &ModelSpec::kinds)
      .def_readwrite("sentencepiece", &ModelSpec::sentencepiece);
}

}  // namespace quatrain
