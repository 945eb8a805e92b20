// Decoders: tokens back to text, one at a time, so that a stream and a whole list share one path.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

class Decoder {
 public:
  explicit Decoder(const std::vector<DecoderSpec>& steps);

  // What is not yet text: nothing, or the first bytes of a character.
  struct State {
    bool is_first = true;
    std::string pending;
  };
  void push(State& state, std::string_view token, std::string& out) const;
  // The end of the tokens: an incomplete character becomes U+FFFD.
  void flush(State& state, std::string& out) const;

  // The bytes that one token stands for.
  std::string token_bytes(std::string_view token) const;

 private:
  enum class Kind { kByteLevel, kWordPiece, kConcatenate, kSpaced };
  Kind kind_ = Kind::kSpaced;
  std::string prefix_;
  bool cleanup_ = false;
};

}  // namespace quatrain::tokenizer
