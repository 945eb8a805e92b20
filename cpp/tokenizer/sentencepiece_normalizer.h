// What the sentencepiece library does to a text before its model sees it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/charsmap.h"
#include "tokenizer/double_array.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {

class SentencePieceNormalizer {
 public:
  struct Options {
    std::vector<std::string> user_defined;  // pieces that are copied, whatever the rules say
    bool add_dummy_prefix = true;           // a space in front
    bool remove_extra_whitespaces = true;   // at both ends, and all but one of several
    bool escape_whitespaces = true;         // a space becomes U+2581
    bool whitespace_as_suffix = false;      // the dummy prefix goes behind the text
  };
  // Without a charsmap, characters stay as they are.
  SentencePieceNormalizer(std::shared_ptr<const Charsmap> charsmap, Options options);

  // A token comes from where its first character begins to where the next token's does, as the
  // library says; spaces that were removed belong to the token before.
  void apply(Text& text) const;

 private:
  Charsmap::Rule prefix(std::string_view text) const;  // never of size 0

  std::shared_ptr<const Charsmap> charsmap_;
  Options options_;
  DoubleArray user_defined_;
};

}  // namespace quatrain::tokenizer
