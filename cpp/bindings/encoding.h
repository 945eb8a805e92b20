// An encoding as Python holds it.
#pragma once
#include <pybind11/pybind11.h>

#include "tokenizer/encoding.h"

namespace quatrain {

// What an encoding was made of: enough to make it again.
struct Origin {
  pybind11::object text, pair;  // as given; `pair` may be None
  pybind11::object calls;       // the capsule of Calls; none after unpickling
  bool add_special_tokens = false;
  bool is_window = false;  // behind the first: what truncation cut off is not its to tell
};

// A new object of Python's class for encodings, which derives from the one registered here.
pybind11::object to_encoding(const pybind11::handle& type, tokenizer::Encoding data, Origin origin);

}  // namespace quatrain
