#include "tokenizer/bpe.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "core/check.h"
#include "tokenizer/block_merges.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/byte_pieces.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

void check_known(bool is_known, std::string_view token, std::size_t merge) {
  check<TokenizerError>(is_known, "model.merges", "merge ", merge, " needs the token '", token,
                        "', which is not in the vocabulary");
}

// The word as the vocabulary spells it.
std::string spelled(std::string_view word) {
  std::string text;
  for (const char byte : word) {
    unicode::append(text, byte_to_char(static_cast<unsigned char>(byte)));
  }
  return text;
}

}  // namespace

Bpe::Bpe(const ModelSpec& spec, bool bytes)
    : Model(Vocabulary(spec.vocab)),
      bytes_(bytes),
      prefix_(spec.continuing_subword_prefix.value_or("")),
      suffix_(spec.end_of_word_suffix.value_or("")),
      unk_token_(spec.unk_token),
      fuse_unk_(spec.fuse_unk),
      byte_fallback_(spec.byte_fallback),
      ignore_merges_(spec.ignore_merges || spec.ranks) {
  if (unk_token_) unk_ = vocabulary().find(*unk_token_);
  const IdSet merged = read_merges(spec);
  fallback_ = byte_piece_ids(vocabulary());
  for (int byte = 0; byte < 256; ++byte) {
    std::string c;
    unicode::append(c, byte_to_char(static_cast<unsigned char>(byte)));
    for (std::size_t place = 0; place < 4; ++place) {
      const std::string token = (place & 1 ? "" : prefix_) + c + (place & 2 ? suffix_ : "");
      byte_tokens_[place][static_cast<std::size_t>(byte)] =
          vocabulary().find(token).value_or(kNone);
    }
  }
  if (bytes_) prepare_bytes(spec);
  set_boundaries(spec, merged);
  if (!ignore_merges_ || byte_bpe_) return;
  for (const auto& [token, id] : spec.vocab) {
    std::string word;
    if (bytes_) append_token_bytes(word, token);
    if (bytes_ && (!is_spelled(token) || !unicode::is_valid(word))) continue;  // no word can be it
    words_.add(bytes_ ? word : token, static_cast<std::uint32_t>(id));
  }
}

bool Bpe::spells_all() const {
  for (std::size_t byte = 0; byte < fallback_.size(); ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_known = byte < 0x80 && vocabulary().find({&c, 1});
    if (fallback_[byte] == kNone && !is_known) return false;
  }
  return true;
}

// A token's text must be what it covers, wherever it takes part in a merge; and the first and the
// last characters of a part must be read as in the middle of a word.
void Bpe::set_boundaries(const ModelSpec& spec, const IdSet& merged) {
  if (bytes_ || ignore_merges_ || !prefix_.empty() || !suffix_.empty()) return;
  if (!(byte_fallback_ ? spells_all() : unk_.has_value())) return;
  const auto may_be_text = [](std::string_view token) {
    return token.empty() || token.size() == unicode::length(token[0]);
  };
  if (fuse_unk_ && unk_ && may_be_text(*unk_token_)) return;
  // Tokens that stand for text other than their own.
  if (unk_ && merged.has(*unk_)) return;
  for (const std::uint32_t id : fallback_) {
    if (byte_fallback_ && merged.has(id)) return;
  }
  if (const auto nothing = vocabulary().find(""); nothing && merged.has(*nothing)) return;
  Boundaries boundaries;
  for (const auto& [token, id] : spec.vocab) {
    if (merged.has(static_cast<std::uint32_t>(id))) boundaries.add(token);
  }
  boundaries.finish();
  boundaries_ = std::move(boundaries);
  character_ids_ = vocabulary().character_ids();
  if (fuse_unk_ && unk_) fused_ = *unk_;
}

IdSet Bpe::read_merges(const ModelSpec& spec) {
  check<TokenizerError>(!spec.ranks || (bytes_ && spec.merges.empty()), "model.ranks",
                        "expected a byte-level model without merges");
  struct Merge {
    std::uint32_t left, right, id;
  };
  std::vector<Merge> merges;
  merges.reserve(spec.merges.size());
  // Most merges make the token behind that of the merge before, or the same.
  const auto made = [&](std::string_view token) {
    const std::uint32_t last = merges.empty() ? 0 : merges.back().id;
    for (const std::uint32_t id : {last, last + 1}) {
      if (vocabulary().has(id) && vocabulary().token(id) == token) return id;
    }
    return vocabulary().find(token).value_or(kNone);
  };
  constexpr std::size_t kAtOnce = Vocabulary::kAtOnce / 2;
  std::array<std::string_view, 2 * kAtOnce> halves;
  std::array<std::uint32_t, 2 * kAtOnce> ids;
  std::string both;
  for (std::size_t i = 0; i < spec.merges.size(); ++i) {
    const std::size_t at = i % kAtOnce * 2;
    if (at == 0) {
      const std::size_t count = std::min(kAtOnce, spec.merges.size() - i);
      for (std::size_t j = 0; j < count; ++j) {
        std::tie(halves[2 * j], halves[2 * j + 1]) = spec.merges[i + j];
      }
      vocabulary().find({halves.data(), 2 * count}, ids);
    }
    const auto [left, right] = std::pair(halves[at], halves[at + 1]);
    check<TokenizerError>(right.size() >= prefix_.size(), "model.merges", "merge ", i,
                          " has a right half '", right, "' shorter than the continuing prefix");
    check_known(ids[at] != kNone, left, i);
    check_known(ids[at + 1] != kNone, right, i);
    both.assign(left).append(right.substr(prefix_.size()));
    merges.push_back({ids[at], ids[at + 1], made(both)});
    check_known(merges.back().id != kNone, both, i);
  }
  // A token's text is joined in one way only, whatever stands around it, so merges in the order of
  // their ids are as well ranked by these.
  const std::uint32_t end_id = vocabulary().end_id();
  const bool is_plain = bytes_ && !unk_token_ && prefix_.empty() && suffix_.empty();
  const bool ids_are_ranks =
      spec.ranks || (is_plain && end_id < 1 << 21 &&
                     std::is_sorted(
                         merges.begin(), merges.end(),
                         [](const Merge& a, const Merge& b) { return a.id < b.id; }));
  merges_ = PairTable(ids_are_ranks ? end_id : merges.size(), end_id, ids_are_ranks);
  merges_.reserve(spec.ranks ? end_id : merges.size());
  for (std::uint32_t i = 0; i < merges.size(); ++i) {
    const Merge& merge = merges[i];
    const Merge& ahead = merges[std::min<std::size_t>(i + kAtOnce, merges.size() - 1)];
    merges_.prefetch(ahead.left, ahead.right);
    merges_.add(merge.left, merge.right, ids_are_ranks ? merge.id : i, merge.id);
  }
  IdSet merged;
  if (bytes_) return merged;  // without boundaries
  for (const Merge& merge : merges) {
    for (const std::uint32_t id : {merge.left, merge.right, merge.id}) merged.insert(id);
  }
  return merged;
}

void Bpe::prepare_bytes(const ModelSpec& spec) {
  const auto& ids = byte_tokens_[0];
  const auto missing =
      static_cast<std::size_t>(std::find(ids.begin(), ids.end(), kNone) - ids.begin());
  const bool is_plain = prefix_.empty() && suffix_.empty() && missing == ids.size();
  if (spec.ranks) {
    check<TokenizerError>(prefix_.empty() && suffix_.empty(), "model.ranks",
                          "expected a model without prefix and suffix");
    check<TokenizerError>(is_plain, "model.vocab", "byte ", missing,
                          " has no token, expected one for every byte");
    for (const auto& [token, id] : spec.vocab) {
      check<TokenizerError>(is_spelled(token), "model.vocab", "token '", token,
                            "' is not spelled in the byte-level alphabet");
    }
  }
  if (is_plain)
    byte_bpe_.emplace(vocabulary(), ids, ByteBpe::Options{ignore_merges_, spec.ranks}, merges_);
}

std::optional<std::uint32_t> Bpe::find_word(std::string_view word) const {
  if (!byte_bpe_) return words_.find(word);
  const std::uint32_t id = byte_bpe_->find_word(word);
  return id == kNone ? std::nullopt : std::optional(id);
}

bool Bpe::append_part(std::string_view part, double before, Workspace& workspace,
                      IdBuffer& out) const {
  FewSymbols symbols;
  bool is_simple = boundaries_ && part.size() <= FewSymbols::kMost;
  for (std::size_t at = 0; is_simple && at < part.size();) {
    const std::size_t begin = at;
    const char32_t c = unicode::decode(part, at);
    const std::uint32_t id = c < character_ids_.size() ? character_ids_[c] : kNone;
    if (id != kNone) {
      symbols.push(id);
      continue;
    }
    is_simple = byte_fallback_ && c < character_ids_.size();
    for (std::size_t i = begin; i < at; ++i) {
      symbols.push(fallback_[static_cast<unsigned char>(part[i])]);
    }
  }
  if (!is_simple) return Model::append_part(part, before, workspace, out);
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) merges_.prefetch(symbols[i], symbols[i + 1]);
  symbols.merge(merges_, [&](std::size_t i) { return merges_.find(symbols[i], symbols[i + 1]); });
  symbols.each([&](std::uint32_t id, std::size_t, std::size_t) { out.push(id); });
  return true;
}

void Bpe::compute(std::string_view word, const IdSet* barred, Workspace& workspace,
                  std::vector<Token>& out) const {
  if (ignore_merges_) {
    if (const auto id = find_word(word); id && !is_barred(barred, *id)) {
      out.push_back({*id, 0, static_cast<std::uint32_t>(word.size())});
      return;
    }
  }
  check(word.size() <= INT32_MAX, "encode", "a word has ", word.size(),
        " bytes, expected less than 2 GiB");
  auto& symbols = workspace.symbols;
  const bool is_plain = bytes_ && start_from_bytes(word, barred, workspace);
  std::string spelling;
  if (!is_plain) {
    if (bytes_) spelling = spelled(word);
    start_from_characters(bytes_ ? std::string_view(spelling) : word, barred, workspace);
  }
  if (barred || !merge_blocks(workspace)) merge_long(barred, workspace);
  std::uint32_t begin = 0;
  const auto word_end =
      static_cast<std::uint32_t>(is_plain || !bytes_ ? word.size() : spelling.size());
  const std::size_t first = out.size();
  for (const auto& symbol : symbols) {
    if (symbol.size == 0) continue;  // merged into the one before
    // The bytes of a prefix or a suffix, if they fall back, count beyond the end of the word.
    const std::uint32_t end = std::min(begin + symbol.size, word_end);
    out.push_back({symbol.id, std::min(begin, end - 1), end});
    begin += symbol.size;
  }
  if (is_plain || !bytes_) return;
  // Positions in the spelling become positions in the word: a byte's character may have two bytes.
  std::vector<std::uint32_t> byte_at;
  for (std::size_t at = 0, byte = 0; at < spelling.size(); ++byte) {
    const std::size_t size = unicode::length(spelling[at]);
    byte_at.insert(byte_at.end(), size, static_cast<std::uint32_t>(byte));
    at += size;
  }
  for (std::size_t i = first; i < out.size(); ++i) {
    out[i].end = byte_at[out[i].end - 1] + 1;
    out[i].begin = byte_at[out[i].begin];
  }
}

bool Bpe::start_from_bytes(std::string_view word, const IdSet* barred, Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  symbols.resize(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) {
    const std::size_t place = (i == 0 ? 1u : 0u) | (i + 1 == word.size() ? 2u : 0u);
    const std::uint32_t id = byte_tokens_[place][static_cast<unsigned char>(word[i])];
    if (id == kNone || is_barred(barred, id)) return false;
    symbols[i] = {id, 1, static_cast<std::int32_t>(i) - 1, static_cast<std::int32_t>(i) + 1};
  }
  symbols.back().next = -1;
  return true;
}

void Bpe::start_from_characters(std::string_view word, const IdSet* barred,
                                Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  symbols.clear();
  const auto add = [&symbols](std::uint32_t id, std::uint32_t size) {
    const auto index = static_cast<std::int32_t>(symbols.size());
    if (index > 0) symbols.back().next = index;
    symbols.push_back({id, size, index - 1, -1});
  };
  std::uint32_t pending = 0;  // bytes of the unknown text not added yet
  const auto flush = [&] {
    if (pending > 0) add(*unk_, pending);
    pending = 0;
  };
  std::string token;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t begin = at;
    at += unicode::length(word[at]);
    const auto size = static_cast<std::uint32_t>(at - begin);
    token = begin == 0 ? "" : prefix_;
    token.append(word, begin, size);
    if (at == word.size()) token += suffix_;
    if (const auto id = vocabulary().find(token); id && !is_barred(barred, *id)) {
      flush();
      add(*id, size);
      continue;
    }
    if (byte_fallback_ && std::all_of(token.begin(), token.end(), [&](char byte) {
          const std::uint32_t fallback = fallback_[static_cast<unsigned char>(byte)];
          return fallback != kNone && !is_barred(barred, fallback);
        })) {
      for (const char byte : token) add(fallback_[static_cast<unsigned char>(byte)], 1);
      continue;
    }
    // Without a token for the unknown the character is dropped, as the peers drop it.
    if (!unk_token_) continue;
    if (!unk_) {
      fail<TokenizerError>("model.unk_token", "the text needs '", *unk_token_,
                           "', which is not in the vocabulary");
    }
    if (!fuse_unk_) flush();
    pending += size;
  }
  flush();
}

bool Bpe::merge_blocks(Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  auto& ids = workspace.steps;
  ids.clear();
  for (const Workspace::Symbol& symbol : symbols) ids.push_back(symbol.id);
  BlockMerges blocks(merges_, ids);
  if (!blocks.run()) return false;
  const auto& tokens = blocks.tokens();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::size_t end = i + 1 < tokens.size() ? tokens[i + 1].first : symbols.size();
    Workspace::Symbol token{tokens[i].id, 0, -1, -1};
    for (std::size_t j = tokens[i].first; j < end; ++j) token.size += symbols[j].size;
    symbols[i] = token;
  }
  symbols.resize(tokens.size());
  return true;
}

void Bpe::merge_long(const IdSet* barred, Workspace& workspace) const {
  using Merge = Workspace::Merge;
  auto& symbols = workspace.symbols;
  auto& heap = workspace.merges;
  const auto later = [](const Merge& a, const Merge& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };
  const auto push = [&](std::int32_t position) {
    const auto& symbol = symbols[static_cast<std::size_t>(position)];
    const std::uint32_t rank =
        merges_.find(symbol.id, symbols[static_cast<std::size_t>(symbol.next)].id);
    if (rank == kNone || is_barred(barred, merges_.id(rank))) return;
    heap.push_back({rank, static_cast<std::uint32_t>(position), merges_.id(rank)});
    std::push_heap(heap.begin(), heap.end(), later);
  };
  heap.clear();
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) push(static_cast<std::int32_t>(i));
  while (!heap.empty()) {
    const Merge top = heap.front();
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
    auto& left = symbols[top.position];
    if (left.size == 0 || left.next < 0) continue;
    auto& right = symbols[static_cast<std::size_t>(left.next)];
    const std::uint32_t current = merges_.find(left.id, right.id);
    if (current == kNone || merges_.id(current) != top.id)
      continue;  // one of the two has grown since
    left.id = top.id;
    left.size += right.size;
    right.size = 0;
    left.next = right.next;
    const auto position = static_cast<std::int32_t>(top.position);
    if (left.next >= 0) {
      symbols[static_cast<std::size_t>(left.next)].previous = position;
      push(position);
    }
    if (left.previous >= 0) push(left.previous);
  }
}

}  // namespace quatrain::tokenizer
