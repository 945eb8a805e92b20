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

// Does work that reads one of several things; errors begin with the name of what is read.
template <class Name, class Work>
auto named(Name name, Work work) {
  try {
    return work();
  } catch (const InputError& error) {
    throw InputError(name() + ": " + error.what());
  } catch (const TokenizerError& error) {
    throw TokenizerError(name() + ": " + error.what());
  }
}

}  // namespace quatrain
