#include "tokenizer/wordpiece.h"

#include <algorithm>

#include "core/check.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

WordPiece::WordPiece(const ModelSpec& spec)
    : Model(Vocabulary(spec.vocab)),
      max_characters_(
          static_cast<std::size_t>(std::max<std::int64_t>(spec.max_input_chars_per_word, 0))) {
  const std::string unk = spec.unk_token.value_or("[UNK]");
  const auto id = vocabulary().find(unk);
  check<TokenizerError>(id.has_value(), "model.unk_token", "'", unk,
                        "' is not in the vocabulary, which a WordPiece model needs");
  unk_ = *id;
  for (const auto& [token, token_id] : spec.vocab) {
    trie_.insert(token, static_cast<std::uint32_t>(token_id));
  }
  inside_ = trie_.walk(spec.continuing_subword_prefix.value_or("##"));
}

void WordPiece::compute(std::string_view word, const IdSet* barred, Workspace&,
                        std::vector<Token>& out) const {
  const auto is_free = [barred](const Trie::Match& match) {
    return !barred || !barred->has(match.value);
  };
  const auto unknown = [&] { out.push_back({unk_, 0, static_cast<std::uint32_t>(word.size())}); };
  if (word.size() > max_characters_) {
    const auto characters = word.size() - static_cast<std::size_t>(std::count_if(
                                              word.begin(), word.end(), unicode::is_continuation));
    if (characters > max_characters_) return unknown();
  }
  const std::size_t first = out.size();
  for (std::size_t begin = 0; begin < word.size();) {
    Trie::Match match;
    if (begin == 0) {
      match = trie_.longest(word, begin, 0, is_free);
    } else if (inside_) {
      match = trie_.longest(word, begin, *inside_, is_free);
    }
    if (match.value == Trie::kNone) {  // one unknown part makes the whole word unknown
      out.resize(first);
      return unknown();
    }
    out.push_back(
        {match.value, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(match.end)});
    begin = match.end;
  }
}

}  // namespace quatrain::tokenizer
