#include "tokenizer/word_level.h"

#include "core/check.h"

namespace quatrain::tokenizer {

WordLevel::WordLevel(const ModelSpec& spec)
    : Model(Vocabulary(spec.vocab)),
      unk_token_(spec.unk_token.value_or("<unk>")),
      unk_(vocabulary().find(unk_token_)) {}

void WordLevel::compute(std::string_view word, const IdSet* barred, Workspace&,
                        std::vector<Token>& out) const {
  auto id = vocabulary().find(word);
  if (!id || is_barred(barred, *id)) id = unk_;
  if (!id) {
    fail<TokenizerError>("model.unk_token", "the text needs '", unk_token_,
                         "', which is not in the vocabulary");
  }
  out.push_back({*id, 0, static_cast<std::uint32_t>(word.size())});
}

}  // namespace quatrain::tokenizer
