// What the sentencepiece library does to a text before its model sees it.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/charsmap.h"
#include "tokenizer/double_array.h"
#include "tokenizer/special.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {

class SentencePieceNormalizer {
 public:
  struct Options {
    // Pieces that are copied, whatever the rules say, and their ids.
    std::vector<std::pair<std::string, std::uint32_t>> user_defined;
    bool add_dummy_prefix = true;          // a space in front
    bool remove_extra_whitespaces = true;  // at both ends, and all but one of several
    bool escape_whitespaces = true;        // a space becomes U+2581
    bool whitespace_as_suffix = false;     // the dummy prefix goes behind the text
  };
  // Without a charsmap, characters stay as they are.
  SentencePieceNormalizer(std::shared_ptr<const Charsmap> charsmap, Options options);

  // A token comes from where its first character begins to where the next token's does, as the
  // library says; spaces that were removed belong to the token before. Pieces that the guard, if
  // any, bars are text like any other.
  void apply(Text& text, const SpecialGuard* guard = nullptr) const;
  // Appends what becomes of a stretch of a text, if no rule reaches beyond it and no user-defined
  // piece is in it; nothing is put around it. `is_behind_space`: spaces that it begins with go.
  void append(std::string_view stretch, bool is_behind_space, std::string& out) const;

  // What becomes of the text's beginning if no user-defined piece is there; never of size 0.
  Charsmap::Rule rule(std::string_view text) const;
  const Charsmap* charsmap() const { return charsmap_.get(); }
  const Options& options() const { return options_; }

 private:
  // Calls push(text, at) for what becomes of the text from `at` on, rule by rule, with spaces that
  // are too many left out. prefix(at) is the rule there.
  template <class Prefix, class Push>
  void rewrite(std::size_t at, std::size_t end, bool is_behind_space, Prefix prefix,
               Push push) const;
  // What becomes of the text's beginning from `at` on; never of size 0.
  Charsmap::Rule prefix(const Text& text, std::size_t at, const SpecialGuard* guard) const;

  std::shared_ptr<const Charsmap> charsmap_;
  Options options_;
  DoubleArray user_defined_;
};

}  // namespace quatrain::tokenizer
