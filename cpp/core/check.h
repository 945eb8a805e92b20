// The one way C++ code reports bad input: "[where] what was expected, what was found".
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace quatrain {

// Bad arguments to an operation (shape, dtype, range). Python sees quatrain.errors.InputError.
class InputError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// A tokenizer description that cannot be executed. Python sees quatrain.errors.TokenizerError.
class TokenizerError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

template <class Error = InputError, class... Parts>
[[noreturn]] void fail(const char* where, const Parts&... parts) {
  std::ostringstream message;
  message << '[' << where << "] ";
  (message << ... << parts);
  throw Error(message.str());
}

template <class Error = InputError, class... Parts>
void check(bool condition, const char* where, const Parts&... parts) {
  if (!condition) [[unlikely]] {
    fail<Error>(where, parts...);
  }
}

}  // namespace quatrain
