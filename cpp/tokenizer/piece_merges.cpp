#include "tokenizer/piece_merges.h"

#include <optional>

#include "tokenizer/block_merges.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

// Calls visit(at) for the places between the characters of a piece.
template <class Visit>
void each_cut(std::string_view piece, Visit visit) {
  std::size_t at = 0;
  while (unicode::decode(piece, at), at < piece.size()) visit(at);
}

}  // namespace

PieceMerges::PieceMerges(const Vocabulary& vocabulary, const std::vector<std::uint32_t>& pieces)
    : end_id_(vocabulary.end_id()), merges_(0, 0, false) {
  // The character, if the text is one.
  const auto character = [](std::string_view text) {
    std::size_t size = 0;
    const char32_t c = unicode::decode(text, size);
    return size == text.size() ? std::optional(c) : std::nullopt;
  };
  std::vector<bool> may_occur(end_id_);
  for (const std::uint32_t id : pieces) {
    may_occur[id] = true;
    if (const auto c = character(vocabulary.token(id))) characters_[*c] = id + 1;
  }
  std::uint32_t next = end_id_ + 1;
  std::size_t cuts = 0;
  for (const std::uint32_t id : pieces) {
    const std::string_view piece = vocabulary.token(id);
    for (std::size_t at = 0; at < piece.size(); ++cuts) {
      std::uint32_t& number = characters_[unicode::decode(piece, at)];
      if (number == 0) number = ++next;
    }
  }
  const auto number_of = [&](std::string_view part) {
    if (const auto c = character(part)) return number(*c);
    const auto id = vocabulary.find(part);
    return id && may_occur[*id] ? *id : kNone;
  };
  merges_ = PairTable(pieces.size(), next, false);
  merges_.reserve(cuts);
  for (std::size_t rank = 0; rank < pieces.size(); ++rank) {
    const std::string_view piece = vocabulary.token(pieces[rank]);
    each_cut(piece, [&](std::size_t at) {
      const std::uint32_t left = number_of(piece.substr(0, at));
      const std::uint32_t right = number_of(piece.substr(at));
      if (left == kNone || right == kNone) return;
      merges_.add(left, right, static_cast<std::uint32_t>(rank), pieces[rank]);
    });
  }
}

bool PieceMerges::merge(std::string_view word, const Take& take) const {
  std::vector<std::uint32_t> symbols, begins;
  for (std::size_t at = 0; at < word.size();) {
    begins.push_back(static_cast<std::uint32_t>(at));
    symbols.push_back(number(unicode::decode(word, at)));
  }
  begins.push_back(static_cast<std::uint32_t>(word.size()));
  BlockMerges blocks(merges_, symbols);
  if (!blocks.run()) return false;
  const auto& tokens = blocks.tokens();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::size_t end = i + 1 < tokens.size() ? tokens[i + 1].first : symbols.size();
    take(tokens[i].id < end_id_ ? tokens[i].id : kNone, begins[tokens[i].first], begins[end]);
  }
  return true;
}

}  // namespace quatrain::tokenizer
