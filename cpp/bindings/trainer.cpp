// Training of tokenizers: Python reads the text and hands it over in blocks.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "bindings/register.h"
#include "core/check.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/training/bpe_trainer.h"
#include "tokenizer/training/unigram_trainer.h"
#include "tokenizer/training/word_counts.h"
#include "tokenizer/unicode.h"

namespace py = pybind11;

namespace quatrain {
namespace {

using namespace tokenizer;

// How often Python hears of progress, and is asked whether Ctrl-C was pressed.
constexpr std::chrono::milliseconds kPulse{50};

// Lines with their line feeds.
std::vector<std::string_view> to_lines(std::string_view block) {
  std::vector<std::string_view> lines;
  while (!block.empty()) {
    const std::size_t end = std::min(block.find('\n'), block.size() - 1) + 1;
    lines.push_back(block.substr(0, end));
    block.remove_prefix(end);
  }
  return lines;
}

// The texts of a list, which must outlive them. A lone surrogate has no UTF-8.
std::vector<std::string_view> to_texts(const py::list& list) {
  std::vector<std::string_view> texts;
  texts.reserve(list.size());
  for (const py::handle& item : list) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(item.ptr(), &size);
    if (!data) throw py::error_already_set();
    texts.emplace_back(data, static_cast<std::size_t>(size));
  }
  return texts;
}

// An alphabet as a str of its characters.
template <class Spec>
std::u32string characters_getter(const Spec& spec) {
  return {spec.initial_alphabet.begin(), spec.initial_alphabet.end()};
}
template <class Spec>
void characters_setter(Spec& spec, const std::u32string& characters) {
  spec.initial_alphabet.assign(characters.begin(), characters.end());
}

// A Python callable as the trainers call it, without the GIL.
Progress to_progress(const py::function& report) {
  return [&report, next = std::chrono::steady_clock::now()](std::size_t done,
                                                            std::size_t total) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now < next && done < total) return;
    next = now + kPulse;
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    report(done, total);
  };
}

}  // namespace

void register_trainer(py::module_& m) {
  py::class_<WordCounter>(m, "WordCounter")
      .def(py::init<std::vector<NormalizerSpec>, std::vector<PreTokenizerSpec>>())
      // False, and nothing counted, if the block is not UTF-8.
      .def("add_lines",
           [](WordCounter& self, const py::bytes& block, int threads) {
             const std::string_view bytes = block;
             const py::gil_scoped_release release;
             if (!unicode::is_valid(bytes)) return false;
             self.add(to_lines(bytes), threads);
             return true;
           })
      .def("add_texts",
           [](WordCounter& self, const py::list& list, int threads) {
             const std::vector<std::string_view> texts = to_texts(list);
             const py::gil_scoped_release release;
             self.add(texts, threads);
           })
      .def_property_readonly("has_bytes", &WordCounter::has_bytes);

  py::class_<BpeTrainerSpec>(m, "BpeTrainerSpec")
      .def(py::init<>())
      .def_readwrite("vocab_size", &BpeTrainerSpec::vocab_size)
      .def_readwrite("min_frequency", &BpeTrainerSpec::min_frequency)
      .def_readwrite("special_tokens", &BpeTrainerSpec::special_tokens)
      .def_readwrite("limit_alphabet", &BpeTrainerSpec::limit_alphabet)
      .def_property("initial_alphabet", characters_getter<BpeTrainerSpec>,
                    characters_setter<BpeTrainerSpec>)
      .def_readwrite("continuing_subword_prefix", &BpeTrainerSpec::continuing_subword_prefix)
      .def_readwrite("end_of_word_suffix", &BpeTrainerSpec::end_of_word_suffix)
      .def_readwrite("max_token_length", &BpeTrainerSpec::max_token_length);

  py::class_<UnigramTrainerSpec>(m, "UnigramTrainerSpec")
      .def(py::init<>())
      .def_readwrite("vocab_size", &UnigramTrainerSpec::vocab_size)
      .def_property("initial_alphabet", characters_getter<UnigramTrainerSpec>,
                    characters_setter<UnigramTrainerSpec>)
      .def_readwrite("seed_size", &UnigramTrainerSpec::seed_size)
      .def_readwrite("max_piece_length", &UnigramTrainerSpec::max_piece_length)
      .def_readwrite("sub_iterations", &UnigramTrainerSpec::sub_iterations)
      .def_readwrite("shrinking_factor", &UnigramTrainerSpec::shrinking_factor);

  // The characters that spell bytes.
  m.def("byte_alphabet", [] {
    std::u32string characters;
    for (int byte = 0; byte < 256; ++byte) {
      characters += byte_to_char(static_cast<unsigned char>(byte));
    }
    return characters;
  });
  m.def("train_bpe",
        [](const BpeTrainerSpec& spec, const WordCounter& counter, const py::function& report) {
          BpeTraining result;
          {
            const py::gil_scoped_release release;
            result = train_bpe(spec, counter.words(), counter.has_bytes(), to_progress(report));
          }
          return py::make_tuple(result.tokens, result.merges);
        });
  m.def("train_unigram", [](const UnigramTrainerSpec& spec, const WordCounter& counter, int threads,
                            const py::function& report) {
    const py::gil_scoped_release release;
    return train_unigram(spec, counter.words(), counter.has_bytes(), threads, to_progress(report));
  });
}

}  // namespace quatrain
