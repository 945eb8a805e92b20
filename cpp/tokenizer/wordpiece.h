// WordPiece: the longest known prefix, again and again (Schuster & Nakajima 2012; BERT).
#pragma once
#include "tokenizer/model.h"
#include "tokenizer/trie.h"

namespace quatrain::tokenizer {

class WordPiece : public Model {
 public:
  explicit WordPiece(const ModelSpec& spec);
  std::optional<std::uint32_t> unknown() const override { return unk_; }

 private:
  void compute(std::string_view word, const IdSet* barred, Workspace& workspace,
               std::vector<Token>& out) const override;

  Trie trie_;
  // Where the tokens inside a word begin: behind the continuing prefix, if any token has it.
  std::optional<std::uint32_t> inside_;
  std::uint32_t unk_ = 0;
  std::size_t max_characters_;
};

}  // namespace quatrain::tokenizer
