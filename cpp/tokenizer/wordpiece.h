// WordPiece: the longest known prefix, again and again (Schuster & Nakajima 2012; BERT).
#pragma once
#include "tokenizer/double_array.h"
#include "tokenizer/model.h"

namespace quatrain::tokenizer {

class WordPiece : public Model {
 public:
  explicit WordPiece(const ModelSpec& spec);
  std::optional<std::uint32_t> unknown() const override { return unk_; }
  const WordPiece* word_piece() const override { return this; }
  // The ids of a non-empty word.
  void append_ids(std::string_view word, IdBuffer& out) const;

 private:
  void compute(std::string_view word, const IdSet* barred, Workspace& workspace,
               std::vector<Token>& out) const override;
  // Cuts the word: emit(id, begin, end). False, at some point, if it is unknown.
  template <class Accept, class Emit>
  bool cut(std::string_view word, Accept accept, Emit emit) const;

  DoubleArray tokens_;
  // Where the tokens inside a word begin: behind the continuing prefix, if any token has it.
  std::optional<std::uint32_t> inside_;
  std::uint32_t unk_ = 0;
  std::size_t max_characters_;
};

}  // namespace quatrain::tokenizer
