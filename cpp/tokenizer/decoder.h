// Decoders: tokens back to text, one at a time, so that a stream and a whole list share one path.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// A chain of steps. Each turns a list of tokens into another, and the text is the last list,
// joined. A step passes on what it can know of its list at once, so tokens travel whole or in
// parts.
class Decoder {
 public:
  // Without steps, tokens are joined by spaces.
  explicit Decoder(const std::vector<DecoderSpec>& steps);

  // Where one text stands.
  struct State {
    struct Step {
      std::string part;        // of a token that the step needs whole
      std::string held;        // what cannot be passed on yet
      std::int64_t count = 0;  // tokens so far; Strip: characters stripped from the front
      std::int64_t run = 0;    // Strip: characters that go if nothing follows
      bool is_inside = false;  // BPE, CTC: whether `held` is a token; Strip: the front is behind
    };
    std::vector<Step> steps;
    bool is_first = true;
    std::size_t read = 0, made = 0;  // bytes of tokens, and of what steps were given
  };
  // Appends the text that one more token makes certain. Raises InputError where a text grows out of
  // proportion to its tokens.
  void push(State& state, std::string_view token, std::string& out) const;
  // Appends the rest at the end of the tokens. Another text may follow.
  void flush(State& state, std::string& out) const;

  // The bytes that a token stands for in the middle of a text.
  std::string token_bytes(std::string_view token) const;

 private:
  class Pass;
  std::vector<DecoderSpec> steps_;
};

}  // namespace quatrain::tokenizer
