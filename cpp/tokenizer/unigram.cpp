#include "tokenizer/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/check.h"
#include "tokenizer/byte_pieces.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using Kind = ModelSpec::PieceKind;

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr double kUnknownPenalty = 10;
// Paths this long are cut where every path must pass, which bounds the memory of a long text.
constexpr std::size_t kLongPath = 1 << 12;
// What is before a part of a word moves the sums of its paths by the rounding of as many additions
// as it has bytes, each of at most 2^-53 of kLargestScore * Model::kLongestSure: less than half of
// kTie for two paths, even if a charsmap makes sixteen times as many bytes of a text. Sums that
// differ by more thus keep their order.
constexpr double kTie = 0x1p-10, kLargestScore = 0x1p14;
constexpr std::size_t kLongestPart = 1 << 7;
// Below 2^17, where sentencepiece's sums stay, adding a score to a float rounds by this at most.
constexpr float kRounding = 0x1p-8f;

Kind kind(const ModelSpec& spec, std::size_t id) {
  return spec.kinds.empty() ? Kind::kNormal : spec.kinds[id];
}

bool may_occur(Kind kind) { return kind == Kind::kNormal || kind == Kind::kUserDefined; }

// The pieces that occur in texts, once it is known that each has a kind.
DoubleArray make_pieces(const ModelSpec& spec, const Vocabulary& vocabulary) {
  const std::size_t size = spec.vocab.size();
  check<TokenizerError>(spec.scores.size() == size && vocabulary.end_id() == size &&
                            (spec.kinds.empty() || spec.kinds.size() == size),
                        "model.vocab", "expected a score and a kind for each of ", size, " pieces");
  std::vector<DoubleArray::Entry> entries;
  entries.reserve(spec.vocab.size());
  for (const auto& [piece, id] : spec.vocab) {
    if (!may_occur(kind(spec, static_cast<std::size_t>(id)))) continue;
    entries.emplace_back(piece, static_cast<std::uint32_t>(id));
  }
  return DoubleArray(std::move(entries));
}

}  // namespace

Unigram::Unigram(const ModelSpec& spec)
    : Model(Vocabulary(spec.vocab)),
      pieces_(make_pieces(spec, vocabulary())),
      scores_(spec.scores),
      unk_(vocabulary().checked_unknown(spec.unk_id)),
      byte_fallback_(spec.byte_fallback),
      sentencepiece_(spec.sentencepiece) {
  const std::size_t size = spec.vocab.size();
  double smallest =
      sentencepiece_ ? std::numeric_limits<float>::max() : std::numeric_limits<double>::infinity();
  for (std::size_t id = 0; id < size; ++id) {
    check<TokenizerError>(std::isfinite(scores_[id]), "model.vocab", "piece '",
                          vocabulary().token(static_cast<std::uint32_t>(id)), "' has score ",
                          scores_[id], ", expected a finite number");
    if (kind(spec, id) == Kind::kNormal) smallest = std::min(smallest, scores_[id]);
    if (kind(spec, id) == Kind::kUserDefined) {
      // Longer ones win over whatever else could spell the same.
      const auto bytes = static_cast<double>(spec.vocab[id].first.size());
      scores_[id] = static_cast<float>(0.1 * (bytes - 1));
    }
  }
  unknown_score_ = smallest - kUnknownPenalty;
  if (sentencepiece_) {
    unknown_score_ = static_cast<float>(unknown_score_);
    floats_.assign(scores_.begin(), scores_.end());
    if (unk_) floats_[*unk_] = static_cast<float>(unknown_score_);
  }
  fallback_ = byte_piece_ids(vocabulary());
  for (std::size_t byte = 0; byte_fallback_ && unk_ && byte < fallback_.size(); ++byte) {
    check<TokenizerError>(fallback_[byte] != *unk_, "model.unk_id", "found ", *unk_,
                          ", the token '", byte_piece(byte),
                          "' of a byte, expected that of the unknown");
  }
  // tokenizers reads such a file, and refuses the texts that need it.
  const bool has_bytes =
      std::find(fallback_.begin(), fallback_.end(), kNone) == fallback_.end() && byte_fallback_;
  check<TokenizerError>(unk_ || has_bytes || !sentencepiece_, "pieces",
                        "no piece is of the type UNKNOWN, and not every byte has one");
  set_boundaries(spec);
}

void Unigram::set_boundaries(const ModelSpec& spec) {
  const auto is_large = [](double score) { return std::abs(score) > kLargestScore; };
  if (byte_fallback_ || !unk_) return;
  const bool are_large = std::any_of(scores_.begin(), scores_.end(), is_large);
  if (!sentencepiece_ && (are_large || is_large(unknown_score_))) return;
  boundaries_.emplace();
  for (const auto& [piece, id] : spec.vocab) {
    if (!piece.empty()) boundaries_->add(piece);
  }
  boundaries_->finish();
  fused_ = *unk_;
}

template <class Score, class Emit>
bool Unigram::search(std::string_view word, double& sum, const IdSet* barred, Workspace& workspace,
                     Emit emit) const {
  using Path = Workspace::Path;
  auto& paths = workspace.paths;  // the best path to byte base + i of the word, at i
  auto& steps = workspace.steps;
  std::size_t base = 0, reached = 0;  // reached: the furthest byte that a path leads to
  paths.assign(std::min(word.size(), kLongPath) + 1, {});
  paths[0].score = sum;
  bool has_tie = false;
  const auto reach = [&](std::size_t end, Score score, std::size_t begin, std::uint32_t id) {
    if (end - base >= paths.size()) [[unlikely]]
      paths.resize(end - base + kLongPath);
    reached = std::max(reached, end);
    Path& path = paths[end - base];
    const bool is_first = path.begin == Path::kUnreached;
    has_tie |= !is_first && std::abs(score - static_cast<Score>(path.score)) < Score{kTie};
    const bool is_better = is_first || score > static_cast<Score>(path.score);
    if (is_better) path = {score, static_cast<std::uint32_t>(begin), id};
    return is_better;
  };
  // Emits the best path to the byte, which becomes the base.
  const auto commit = [&](std::size_t end) {
    steps.clear();
    for (std::size_t at = end; at > base; at = paths[at - base].begin) {
      steps.push_back(static_cast<std::uint32_t>(at));
    }
    for (auto at = steps.rbegin(); at != steps.rend(); ++at) {
      emit(paths[*at - base].id, paths[*at - base].begin, *at);
    }
    const double score = paths[end - base].score;
    paths.assign(std::min(word.size() - end, kLongPath) + 1, {});
    paths[0].score = score;
    base = end;
  };
  for (std::size_t at = 0; at < word.size();) {
    if (at == reached && at - base >= kLongPath) commit(at);
    auto score = static_cast<Score>(paths[at - base].score);
    if (sentencepiece_ && std::abs(score) > static_cast<Score>(kLargeSum)) {
      for (std::size_t i = at - base; i <= reached - base; ++i) {
        paths[i].score = static_cast<Score>(paths[i].score) - score;
      }
      score = 0;
    }
    const std::size_t next = at + unicode::length(word[at]);
    bool is_single = false;  // whether the character is a piece
    std::uint32_t node = 0;
    for (std::size_t end = at; end < word.size() && pieces_.step(node, word[end]);) {
      ++end;
      const std::uint32_t id = pieces_.value(node);
      if (id == DoubleArray::kNone || is_barred(barred, id)) continue;
      reach(end, score + static_cast<Score>(scores_[id]), at, id);
      is_single |= end == next;
    }
    if (!is_single) {
      const bool is_best =
          reach(next, score + static_cast<Score>(unknown_score_), at, unk_.value_or(kNone));
      check<TokenizerError>(!is_best || unk_ || sentencepiece_, "model.unk_id", "the text '",
                            word.substr(at, next - at),
                            "' is unknown, and the model has no token for that");
    }
    at = next;
  }
  commit(word.size());
  sum = paths[0].score;
  return !has_tie;
}

void Unigram::compute(std::string_view word, const IdSet* barred, Workspace& workspace,
                      std::vector<Token>& out) const {
  double sum = 0;
  find(word, sum, barred, workspace, out);
}

bool Unigram::append_part(std::string_view part, double before, Workspace& workspace,
                          IdBuffer& out) const {
  const bool is_any = std::isnan(before);
  std::vector<Token>& tokens = workspace.tokens;
  tokens.clear();
  double sum = is_any ? 0 : before;
  const Found found = find(part, sum, nullptr, workspace, tokens);
  for (const Token& token : tokens) out.push(token.id);
  return found.is_plain && (!is_any || (found.is_clear && part.size() <= kLongestPart));
}

bool Unigram::append_next(std::string_view part, float& sum, Workspace& workspace,
                          IdBuffer& out) const {
  const auto append_slowly = [&] {
    double exact = sum;
    workspace.tokens.clear();
    find(part, exact, nullptr, workspace, workspace.tokens);
    for (const Token& token : workspace.tokens) out.push(token.id);
    sum = static_cast<float>(exact);
    return false;
  };
  if (part.size() > kLongestPart) return append_slowly();
  struct Path {
    float score, lead;  // by how much the best way to a place is better than the next
    std::uint32_t begin, id;
  };
  std::array<Path, kLongestPart + 1> paths;
  for (std::size_t end = 1; end <= part.size(); ++end) paths[end].begin = kNone;
  paths[0].score = sum;
  const auto reach = [&](std::size_t end, float score, std::size_t begin, std::uint32_t id) {
    Path& path = paths[end];
    const bool is_first = path.begin == kNone;
    if (is_first || score > path.score) {
      const float lead = is_first ? std::numeric_limits<float>::infinity() : score - path.score;
      path = {score, lead, static_cast<std::uint32_t>(begin), id};
    } else {
      path.lead = std::min(path.lead, path.score - score);
    }
  };
  std::size_t characters = 0;
  float farthest = 0;
  for (std::size_t at = 0; at < part.size(); ++characters) {
    const float score = paths[at].score;
    if (std::abs(score) > kLargeSum) return append_slowly();
    farthest = std::max(farthest, std::abs(score - sum));
    const std::size_t next = at + unicode::length(part[at]);
    bool is_single = false;  // whether the character is a piece
    std::uint32_t node = 0;
    for (std::size_t end = at; end < part.size() && pieces_.step(node, part[end]);) {
      ++end;
      const std::uint32_t id = pieces_.value(node);
      if (id == DoubleArray::kNone) continue;
      reach(end, score + floats_[id], at, id);
      is_single |= end == next;
    }
    if (!is_single) reach(next, score + floats_[*unk_], at, *unk_);
    at = next;
  }
  const float behind = paths[part.size()].score;
  bool is_sure = std::max(farthest, std::abs(behind - sum)) < kReach;
  sum = behind;
  // A way to a place is off by a rounding for each of its characters, at most. Two ways may have
  // come together or apart by that, here, and from another sum again.
  const float unsure = 4 * kRounding * static_cast<float>(characters);
  std::array<std::uint32_t, kLongestPart> ids;
  std::size_t first = ids.size();
  for (std::size_t at = part.size(); at > 0; at = paths[at].begin) {
    const Path& path = paths[at];
    is_sure = is_sure && path.lead > unsure && path.id != unk_;
    const bool is_fused = path.id == unk_ && first < ids.size() && ids[first] == unk_;
    if (!is_fused) ids[--first] = path.id;
  }
  out.append(std::span(ids).subspan(first));
  return is_sure;
}

// Added up as search() does.
double Unigram::score(double before, std::span<const std::uint32_t> ids) const {
  for (const std::uint32_t id : ids) before += id == unk_ ? kAnyScore : scores_[id];
  return before;
}

Unigram::Found Unigram::find(std::string_view word, double& sum, const IdSet* barred,
                             Workspace& workspace, std::vector<Token>& out) const {
  std::uint32_t unknown = kNone;  // where a run of unknown pieces began
  bool is_plain = true;
  const auto flush = [&](std::uint32_t end) {
    if (unknown != kNone) is_plain &= push_unknown(word, barred, unknown, end, out);
    unknown = kNone;
  };
  const auto emit = [&](std::uint32_t id, std::uint32_t begin, std::uint32_t end) {
    if (id == unk_.value_or(kNone)) {
      unknown = std::min(unknown, begin);
    } else {
      flush(begin);
      out.push_back({id, begin, end});
    }
  };
  const bool is_clear = sentencepiece_ ? search<float>(word, sum, barred, workspace, emit)
                                       : search<double>(word, sum, barred, workspace, emit);
  flush(static_cast<std::uint32_t>(word.size()));
  return {is_clear, is_plain};
}

bool Unigram::push_unknown(std::string_view word, const IdSet* barred, std::uint32_t begin,
                           std::uint32_t end, std::vector<Token>& out) const {
  const std::string_view text = word.substr(begin, end - begin);
  if (!sentencepiece_) {
    // Unknown pieces in a row may spell a known one, of a score too small to win.
    const auto id = vocabulary().find(text);
    if (id && !is_barred(barred, *id)) {
      out.push_back({*id, begin, end});
      return *id == unk_;
    }
  }
  if (byte_fallback_ && std::all_of(text.begin(), text.end(), [&](char byte) {
        const std::uint32_t id = fallback_[static_cast<unsigned char>(byte)];
        return id != kNone && !is_barred(barred, id);
      })) {
    for (std::uint32_t at = begin; at < end; ++at) {
      const std::uint32_t id = fallback_[static_cast<unsigned char>(word[at])];
      // The peers give a byte the place of the whole unknown text, or that of its character.
      out.push_back(sentencepiece_ ? Token{id, at, at + 1} : Token{id, begin, end});
    }
    return true;
  }
  out.push_back({*unk_, begin, end});
  return true;
}

}  // namespace quatrain::tokenizer
