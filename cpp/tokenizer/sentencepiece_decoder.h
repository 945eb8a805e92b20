// How the sentencepiece library turns pieces back into text.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "tokenizer/decoder.h"
#include "tokenizer/sentencepiece_normalizer.h"

namespace quatrain::tokenizer {

class SentencePieceDecoder {
 public:
  struct Options {
    std::set<std::string, std::less<>> control;  // pieces that are no text
    std::string unknown, unknown_surface;        // a piece and what it becomes
    bool has_bytes = false;                      // the pieces <0x00> to <0xFF> are bytes
    bool strips_first = true;                    // the space in front of the first piece goes,
    bool strips_all = true;                      // and those of all pieces before there is text
    std::shared_ptr<const SentencePieceNormalizer> denormalizer;
  };
  explicit SentencePieceDecoder(Options options) : options_(std::move(options)) {}

  // `held` are bytes of a character that is not complete, `part` is text that waits for the
  // denormalizer; `count`: whether there is text; `is_inside`: whether no space is stripped.
  using State = Decoder::State::Step;
  // The text that one more piece, or the end, makes certain.
  std::string push(State& state, std::string_view piece) const;
  std::string finish(State& state) const;

 private:
  void put(State& state, std::string_view text, std::string& out) const;
  void put_bytes(State& state, bool is_last, std::string& out) const;

  Options options_;
};

}  // namespace quatrain::tokenizer
