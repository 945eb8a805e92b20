// Pre-tokenizers: where a text may be cut before the model sees it.
#pragma once
#include <optional>
#include <vector>

#include "tokenizer/spec.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {

class PreTokenizer {
 public:
  // With `bytes`, the last step is ByteLevel and leaves its bytes as they are, for a model that
  // reads bytes; otherwise it spells them.
  PreTokenizer(std::vector<PreTokenizerSpec> steps, bool bytes);

  // The scanner that does all there is to do, if one does.
  std::optional<PreTokenizerSpec::Scanner> alone() const;
  // Whether BertPreTokenizer does all there is to do.
  bool is_bert() const;
  // Whether all that is done is to begin each word with U+2581 in place of its space, if any.
  bool marks_words() const;
  // Cuts the text, which a step may edit, into pieces, none of them empty.
  void split(Text& text, std::vector<Piece>& pieces) const;

 private:
  std::vector<PreTokenizerSpec> steps_;
  bool bytes_;
};

}  // namespace quatrain::tokenizer
