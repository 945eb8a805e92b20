// Pre-tokenizers: where a text may be cut before the model sees it.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/spec.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {

// Spaces replaced by U+2581.
struct SpaceMarks {
  bool replaces = false;
  bool splits = false;        // each begins a word
  bool drops_spaces = false;  // of any kind: one for each word takes the place of all
  PreTokenizerSpec::Prepend prepend = PreTokenizerSpec::Prepend::kNever;  // of another in front
};

class PreTokenizer {
 public:
  // With `bytes`, the last step is ByteLevel and leaves its bytes as they are, for a model that
  // reads bytes; otherwise it spells them.
  PreTokenizer(std::vector<PreTokenizerSpec> steps, bool bytes);

  // The scanner that makes the words, if one does, out of the pieces of an unedited text that the
  // steps before it cut.
  std::optional<PreTokenizerSpec::Scanner> scanner() const { return scanner_; }
  bool cuts_before_scanner() const { return before_scanner_ > 0; }
  void cut_before_scanner(std::string_view text, std::vector<Piece>& pieces) const;
  // Whether BertPreTokenizer does all there is to do.
  bool is_bert() const;
  // What is done to spaces, if nothing else is done. `has_none`: they were replaced before.
  std::optional<SpaceMarks> marks_spaces(bool has_none) const;
  // Cuts the text, which a step may edit, into pieces, none of them empty.
  void split(Text& text, std::vector<Piece>& pieces) const;

 private:
  std::vector<PreTokenizerSpec> steps_;
  bool bytes_;
  std::optional<PreTokenizerSpec::Scanner> scanner_;
  std::size_t before_scanner_ = 0;  // steps
};

}  // namespace quatrain::tokenizer
