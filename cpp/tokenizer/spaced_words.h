// The way from text to ids of the T5 and XLM-R forms, for ids alone: a charsmap, runs of spaces
// made one, and words that each begin with the mark of a space.
//
// A space behind a character that the charsmap neither removes nor makes a space of begins a word,
// whatever else the text says, so the text is cut there before it is normalized.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tokenizer/cached_words.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/model.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

class SpacedWords {
 public:
  // None if the steps are others.
  static std::optional<SpacedWords> make(const std::vector<NormalizerSpec>& normalizers,
                                         const PreTokenizer& pre_tokenizer, const Model& model);

  // Appends the ids of a text without added tokens. Memory can be read up to `readable`.
  void read(std::string_view text, const char* readable, Workspace& workspace,
            IdBuffer& out) const {
    read_cached(*this, text, readable, workspace, out);
  }

  // For read_cached(). A plain word is ASCII that the charsmap leaves alone, but for a space ahead.
  const char* word_end(const char* at, const char* end, const char* readable, bool& is_plain) const;
  bool compute(const RawWord& word, Workspace& workspace, IdBuffer& out) const;

 private:
  enum class Kind : std::uint8_t { kPlain, kSpace, kOther };
  // The first character that a grapheme may have before a letter (Unicode: Prepend).
  static constexpr char32_t kMayPrepend = 0x600;

  SpacedWords(const std::vector<NormalizerSpec>& normalizers, const Charsmap* charsmap,
              const PreTokenizer& pre_tokenizer, const Model& model);
  bool begins_word(const char* begin, const char* at, const char* end) const;

  const std::vector<NormalizerSpec>& normalizers_;
  const PreTokenizer& pre_tokenizer_;
  const Model& model_;
  std::array<Kind, 256> kinds_;         // of bytes
  std::array<bool, kMayPrepend> ends_;  // whether a word surely ends with the character
};

}  // namespace quatrain::tokenizer
