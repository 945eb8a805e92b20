// What a text became, as lists, as arrays, and by place.
#include "bindings/encoding.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/register.h"
#include "bindings/text.h"

namespace py = pybind11;

namespace quatrain {
namespace {

using namespace tokenizer;

py::object to_span(std::uint32_t begin, std::uint32_t end) {
  return py::make_tuple(to_int(begin), to_int(end));
}

py::object to_span(const std::optional<TokenRange>& range) {
  if (!range) return py::none();
  return to_span(range->begin, range->end);
}

// A read-only view of memory that `owner` keeps.
template <class T>
py::array view(const py::object& owner, const void* data, std::vector<py::ssize_t> shape) {
  py::array_t<T> array(std::move(shape), static_cast<const T*>(data), owner);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

py::tuple arrays(const py::object& self) {
  const Encoding& e = self.cast<const BoundEncoding&>().data;
  const auto size = static_cast<py::ssize_t>(e.size());
  static_assert(sizeof(Span) == 2 * sizeof(std::uint32_t));
  static_assert(static_cast<std::int32_t>(kNoWord) == -1);
  return py::make_tuple(view<std::uint32_t>(self, e.ids.data(), {size}),
                        view<std::uint32_t>(self, e.type_ids.data(), {size}),
                        view<std::uint8_t>(self, e.attention.data(), {size}),
                        view<std::uint8_t>(self, e.special.data(), {size}),
                        view<std::uint32_t>(self, e.offsets.data(), {size, 2}),
                        view<std::int32_t>(self, e.words.data(), {size}));
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

py::list byte_offsets(const BoundEncoding& e, const py::handle& text, const py::handle& pair) {
  std::vector<Span> spans(e.data.size());
  for (const bool second : {false, true}) {
    std::vector<std::uint32_t> bytes;
    for (const auto& [tokens, is_second] : e.data.parts) {
      if (is_second != second) continue;
      if (bytes.empty()) bytes = character_bytes(utf8(second ? pair : text));
      for (std::uint32_t i = tokens.begin; i < tokens.end; ++i) {
        const Span& span = e.data.offsets[i];
        spans[i] = {bytes[span.begin], bytes[span.end]};
      }
    }
  }
  return to_list(spans, [](const Span& span) { return to_span(span.begin, span.end); });
}

std::vector<std::string_view> tokens(const BoundEncoding& e) {
  if (e.owner) return e.owner->tokens(e.data);
  std::vector<std::string_view> found;
  for (const auto& [at, text] : e.data.texts) found.push_back(text);
  return found;
}

// All that an encoding says, without its tokenizer.
using Spans = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
using Parts = std::vector<std::tuple<std::uint32_t, std::uint32_t, bool>>;

py::tuple to_state(const BoundEncoding& e) {
  const Encoding& data = e.data;
  Spans offsets;
  for (const Span& span : data.offsets) offsets.emplace_back(span.begin, span.end);
  Parts parts;
  for (const auto& [range, second] : data.parts) parts.emplace_back(range.begin, range.end, second);
  return py::make_tuple(data.ids, data.words, offsets, data.type_ids, data.special, data.attention,
                        parts, to_list(tokens(e), to_str));
}

BoundEncoding from_state(const py::tuple& state) {
  Encoding data;
  data.ids = state[0].cast<decltype(data.ids)>();
  data.words = state[1].cast<decltype(data.words)>();
  for (const auto& [begin, end] : state[2].cast<Spans>()) data.offsets.push_back({begin, end});
  data.type_ids = state[3].cast<decltype(data.type_ids)>();
  data.special = state[4].cast<decltype(data.special)>();
  data.attention = state[5].cast<decltype(data.attention)>();
  for (const auto& [begin, end, second] : state[6].cast<Parts>()) {
    data.parts.push_back({{begin, end}, second});
  }
  for (auto& text : state[7].cast<std::vector<std::string>>()) {
    data.texts.emplace_back(static_cast<std::uint32_t>(data.texts.size()), std::move(text));
  }
  return {nullptr, std::move(data)};
}

}  // namespace

void register_encoding(py::module_& m) {
  const auto flags = [](auto member) {
    return [member](const BoundEncoding& e) {
      return to_list(e.data.*member, [](std::uint8_t value) { return to_int(value); });
    };
  };
  py::class_<BoundEncoding>(m, "Encoding")
      .def("__len__", [](const BoundEncoding& e) { return e.data.size(); })
      .def_property_readonly("ids",
                             [](const BoundEncoding& e) { return to_list(e.data.ids, to_int); })
      .def_property_readonly(
          "type_ids", [](const BoundEncoding& e) { return to_list(e.data.type_ids, to_int); })
      .def_property_readonly("attention_mask", flags(&Encoding::attention))
      .def_property_readonly("special_tokens_mask", flags(&Encoding::special))
      .def_property_readonly("tokens",
                             [](const BoundEncoding& e) { return to_list(tokens(e), to_str); })
      .def_property_readonly("word_ids",
                             [](const BoundEncoding& e) {
                               return to_list(e.data.words, [](std::uint32_t word) -> py::object {
                                 if (word == kNoWord) return py::none();
                                 return to_int(word);
                               });
                             })
      .def_property_readonly("offsets",
                             [](const BoundEncoding& e) {
                               return to_list(e.data.offsets, [](const Span& span) {
                                 return to_span(span.begin, span.end);
                               });
                             })
      .def(py::pickle([](const BoundEncoding& e) { return to_state(e); },
                      [](const py::tuple& state) { return from_state(state); }))
      .def("byte_offsets", byte_offsets)
      .def_property_readonly("sequence_ids", sequence_ids)
      .def("arrays", arrays)
      .def("token_at", [](const BoundEncoding& e, std::uint32_t character,
                          bool second) { return e.data.token_at(character, second); })
      .def("tokens_of_word", [](const BoundEncoding& e, std::uint32_t word, bool second) {
        return to_span(e.data.tokens_of_word(word, second));
      });
}

}  // namespace quatrain
