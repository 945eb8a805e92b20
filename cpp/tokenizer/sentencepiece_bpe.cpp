#include "tokenizer/sentencepiece_bpe.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>

#include "core/check.h"
#include "tokenizer/byte_pieces.h"
#include "tokenizer/sought.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr int kDeepest = 100;                        // unused pieces inside unused pieces
constexpr std::size_t kLong = std::size_t{1} << 12;  // bytes of a word

// Floats as integers in the same order; -0 comes before 0.
std::int32_t ordered(float score) {
  const auto bits = std::bit_cast<std::int32_t>(score);
  return bits < 0 ? bits ^ INT32_MAX : bits;
}

DoubleArray make_user_defined(const ModelSpec& spec) {
  std::vector<DoubleArray::Entry> entries;
  for (std::size_t id = 0; id < spec.kinds.size(); ++id) {
    if (spec.kinds[id] == ModelSpec::PieceKind::kUserDefined) {
      entries.emplace_back(spec.vocab[id].first, static_cast<std::uint32_t>(id));
    }
  }
  return DoubleArray(std::move(entries));
}

}  // namespace

SentencePieceBpe::SentencePieceBpe(const ModelSpec& spec)
    : Model(Vocabulary(spec.vocab)),
      kinds_(spec.kinds),
      user_defined_(make_user_defined(spec)),
      byte_fallback_(spec.byte_fallback) {
  check<TokenizerError>(kinds_.size() == spec.vocab.size() &&
                            spec.scores.size() == spec.vocab.size() &&
                            vocabulary().end_id() == spec.vocab.size(),
                        "pieces", "expected a score and a kind for each piece");
  for (std::size_t id = 0; id < kinds_.size(); ++id) {
    check_sought(spec.vocab[id].first, "pieces", "the piece with id ", id);
    check<TokenizerError>(std::isfinite(spec.scores[id]), "pieces", "piece '", spec.vocab[id].first,
                          "' has score ", spec.scores[id], ", expected a finite number");
    scores_.push_back(ordered(static_cast<float>(spec.scores[id])));
  }
  unk_ = vocabulary().checked_unknown(spec.unk_id);
  fallback_ = byte_piece_ids(vocabulary());
  for (std::size_t byte = 0; byte_fallback_ && byte < fallback_.size(); ++byte) {
    check<TokenizerError>(fallback_[byte] != kNone, "pieces", "the piece '", byte_piece(byte),
                          "' is missing, which byte_fallback needs");
    check<TokenizerError>(fallback_[byte] != unk_, "pieces", "the piece '", byte_piece(byte),
                          "' of a byte is of the type UNKNOWN");
  }
  check<TokenizerError>(unk_ || byte_fallback_, "pieces", "no piece is of the type UNKNOWN");
  boundaries_.emplace();
  for (std::size_t id = 0; id < kinds_.size(); ++id) {
    if (find(spec.vocab[id].first, nullptr)) boundaries_->add(spec.vocab[id].first);
  }
  boundaries_->finish();
  if (unk_) fused_ = *unk_;
}

std::optional<std::uint32_t> SentencePieceBpe::find(std::string_view text,
                                                    const IdSet* barred) const {
  const auto id = vocabulary().find(text);
  if (!id || is_barred(barred, *id)) return std::nullopt;
  const Kind kind = kinds_[*id];
  const bool may_occur =
      kind == Kind::kNormal || kind == Kind::kUserDefined || kind == Kind::kUnused;
  return may_occur ? id : std::nullopt;
}

const PieceMerges* SentencePieceBpe::merges() const {
  std::call_once(once_, [this] {
    std::vector<std::uint32_t> pieces;
    for (std::uint32_t id = 0; id < kinds_.size(); ++id) {
      if (kinds_[id] == Kind::kUserDefined || kinds_[id] == Kind::kUnused) return;
      const std::string_view piece = vocabulary().token(id);
      if (!piece.empty() && find(piece, nullptr)) pieces.push_back(id);
    }
    const auto score = [this](std::uint32_t id) { return scores_[id]; };
    std::ranges::sort(pieces, std::greater<>(), score);
    if (std::ranges::adjacent_find(pieces, std::equal_to<>(), score) != pieces.end()) return;
    merges_.emplace(vocabulary(), pieces);
  });
  return merges_ ? &*merges_ : nullptr;
}

void SentencePieceBpe::compute(std::string_view word, const IdSet* barred, Workspace& workspace,
                               std::vector<Token>& out) const {
  check(word.size() <= INT32_MAX, "encode", "a word has ", word.size(),
        " bytes, expected less than 2 GiB");
  if (!barred && word.size() > kLong) {
    const auto take = [&](std::uint32_t id, std::uint32_t begin, std::uint32_t end) {
      if (id == kNone) return push_unknown(word, begin, end, out);
      out.push_back({id, begin, end});
    };
    if (merges() && merges()->merge(word, take)) return;
  }
  auto& symbols = workspace.symbols;  // the id: whether it is user-defined, and never merges
  auto& heap = workspace.scored;
  symbols.clear();
  heap.clear();
  std::vector<std::uint32_t> begins;
  const auto is_allowed = [barred](const DoubleArray::Match& found) {
    return !is_barred(barred, found.value);
  };
  for (std::size_t at = 0; at < word.size();) {
    const auto match = user_defined_.longest(word, at, 0, is_allowed);
    const std::size_t size = match.end > at ? match.end - at : unicode::length(word[at]);
    const auto index = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({match.end > at ? 1u : 0u, static_cast<std::uint32_t>(size), index - 1,
                       at + size < word.size() ? index + 1 : -1});
    begins.push_back(static_cast<std::uint32_t>(at));
    at += size;
  }
  // What an unused piece was made of: its parts take its place in the end.
  std::map<std::string_view, std::uint32_t> parts;  // the size of the left one
  const auto later = [](const Workspace::Scored& a, const Workspace::Scored& b) {
    return a.score != b.score ? a.score < b.score : a.left > b.left;
  };
  const auto look_up = [&](std::int32_t left, std::int32_t right) {
    if (left < 0 || right < 0) return;
    const auto& a = symbols[static_cast<std::size_t>(left)];
    const auto& b = symbols[static_cast<std::size_t>(right)];
    if (a.id || b.id) return;
    const std::string_view piece =
        word.substr(begins[static_cast<std::size_t>(left)], a.size + std::size_t{b.size});
    const auto id = find(piece, barred);
    if (!id) return;
    heap.push_back({scores_[*id], static_cast<std::uint32_t>(left),
                    static_cast<std::uint32_t>(right), static_cast<std::uint32_t>(piece.size())});
    if (kinds_[*id] == Kind::kUnused) parts[piece] = a.size;
  };
  for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(symbols.size()); ++i) {
    look_up(i, i + 1);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    const Workspace::Scored top = heap.front();
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
    auto& left = symbols[top.left];
    auto& right = symbols[top.right];
    if (left.size == 0 || right.size == 0 || left.size + right.size != top.size) continue;
    left.size += right.size;
    left.next = right.next;
    right.size = 0;
    if (left.next >= 0) {
      symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::int32_t>(top.left);
    }
    for (const auto& [a, b] : {std::pair{left.previous, static_cast<std::int32_t>(top.left)},
                               std::pair{static_cast<std::int32_t>(top.left), left.next}}) {
      const std::size_t size = heap.size();
      look_up(a, b);
      if (heap.size() > size) std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  // Bytes [begin, end), a symbol or a part of an unused one.
  const auto emit = [&](auto& self, std::uint32_t begin, std::uint32_t end, int depth) -> void {
    const std::string_view text = word.substr(begin, end - begin);
    const auto id = find(text, barred);
    if (!id) return push_unknown(word, begin, end, out);
    if (kinds_[*id] != Kind::kUnused || depth > kDeepest) return out.push_back({*id, begin, end});
    const auto part = parts.find(text);
    if (part == parts.end()) return push_unknown(word, begin, end, out);
    self(self, begin, begin + part->second, depth + 1);
    self(self, begin + part->second, end, depth + 1);
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i].size > 0) emit(emit, begins[i], begins[i] + symbols[i].size, 0);
  }
}

void SentencePieceBpe::push_unknown(std::string_view word, std::uint32_t begin, std::uint32_t end,
                                    std::vector<Token>& out) const {
  if (byte_fallback_) {
    for (std::uint32_t at = begin; at < end; ++at) {
      out.push_back({fallback_[static_cast<unsigned char>(word[at])], at, at + 1});
    }
  } else if (!out.empty() && out.back().id == unk_ && out.back().end == begin && begin > 0) {
    out.back().end = end;  // unknown pieces in a row are one
  } else {
    out.push_back({*unk_, begin, end});
  }
}

}  // namespace quatrain::tokenizer
