#include "tokenizer/wordpiece.h"

#include <algorithm>

#include "core/check.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

DoubleArray make_tokens(const ModelSpec& spec) {
  std::vector<DoubleArray::Entry> entries;
  entries.reserve(spec.vocab.size());
  const std::int64_t longest_word =
      4 * std::clamp<std::int64_t>(spec.max_input_chars_per_word, 0, UINT32_MAX);
  const std::size_t longest =
      static_cast<std::size_t>(longest_word) + spec.continuing_subword_prefix.value_or("##").size();
  for (const auto& [token, id] : spec.vocab) {
    if (token.size() > longest) continue;  // words that long are unknown
    entries.emplace_back(token, static_cast<std::uint32_t>(id));
  }
  return DoubleArray(std::move(entries));
}

}  // namespace

WordPiece::WordPiece(const ModelSpec& spec)
    : Model(Vocabulary(spec.vocab)),
      tokens_(make_tokens(spec)),
      max_characters_(
          static_cast<std::size_t>(std::max<std::int64_t>(spec.max_input_chars_per_word, 0))) {
  const std::string unk = spec.unk_token.value_or("[UNK]");
  const auto id = vocabulary().find(unk);
  check<TokenizerError>(id.has_value(), "model.unk_token", "'", unk,
                        "' is not in the vocabulary, which a WordPiece model needs");
  unk_ = *id;
  const std::string prefix = spec.continuing_subword_prefix.value_or("##");
  std::uint32_t node = 0;
  const bool is_used = std::all_of(prefix.begin(), prefix.end(),
                                   [&](char byte) { return tokens_.step(node, byte); });
  if (is_used) inside_ = node;
}

template <class Accept, class Emit>
bool WordPiece::cut(std::string_view word, Accept accept, Emit emit) const {
  if (word.size() > max_characters_) {
    const auto characters = word.size() - static_cast<std::size_t>(std::count_if(
                                              word.begin(), word.end(), unicode::is_continuation));
    if (characters > max_characters_) return false;
  }
  for (std::size_t begin = 0; begin < word.size();) {
    if (begin > 0 && !inside_) return false;
    const auto match = tokens_.longest(word, begin, begin == 0 ? 0 : *inside_, accept);
    if (match.value == DoubleArray::kNone) return false;
    emit(match.value, begin, match.end);
    begin = match.end;
  }
  return true;
}

// One unknown part makes the whole word unknown.

void WordPiece::append_ids(std::string_view word, IdBuffer& out) const {
  const std::size_t first = out.size();
  const bool is_known = cut(
      word, [](const DoubleArray::Match&) { return true; },
      [&](std::uint32_t id, std::size_t, std::size_t) { out.push(id); });
  if (is_known) return;
  out.shorten(first);
  out.push(unk_);
}

void WordPiece::compute(std::string_view word, const IdSet* barred, Workspace&,
                        std::vector<Token>& out) const {
  const std::size_t first = out.size();
  const bool is_known = cut(
      word, [barred](const DoubleArray::Match& found) { return !is_barred(barred, found.value); },
      [&](std::uint32_t id, std::size_t begin, std::size_t end) {
        out.push_back({id, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
      });
  if (is_known) return;
  out.resize(first);
  out.push_back({unk_, 0, static_cast<std::uint32_t>(word.size())});
}

}  // namespace quatrain::tokenizer
