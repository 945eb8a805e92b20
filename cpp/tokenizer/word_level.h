// WordLevel: a word is a token, or unknown.
#pragma once
#include "tokenizer/model.h"

namespace quatrain::tokenizer {

class WordLevel : public Model {
 public:
  explicit WordLevel(const ModelSpec& spec);
  std::optional<std::uint32_t> unknown() const override { return unk_; }

 private:
  void compute(std::string_view word, const IdSet* barred, Workspace& workspace,
               std::vector<Token>& out) const override;

  std::string unk_token_;
  std::optional<std::uint32_t> unk_;
};

}  // namespace quatrain::tokenizer
