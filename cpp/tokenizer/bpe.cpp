#include "tokenizer/bpe.h"

#include <algorithm>
#include <cstdio>

#include "core/check.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::size_t kShortWord = 48;

// The token that the text of a merge names.
std::uint32_t known(const Vocabulary& vocabulary, std::string_view token, std::size_t index) {
  const auto id = vocabulary.find(token);
  if (!id) {
    fail<TokenizerError>("model.merges", "merge ", index, " needs the token '", token,
                         "', which is not in the vocabulary");
  }
  return *id;
}

bool is_barred(const IdSet* barred, std::uint32_t id) { return barred && barred->has(id); }

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
      merges_(spec.merges.size()),
      bytes_(bytes),
      prefix_(spec.continuing_subword_prefix.value_or("")),
      suffix_(spec.end_of_word_suffix.value_or("")),
      unk_token_(spec.unk_token),
      fuse_unk_(spec.fuse_unk),
      byte_fallback_(spec.byte_fallback),
      ignore_merges_(spec.ignore_merges || spec.ranks) {
  check<TokenizerError>(!byte_fallback_ || (prefix_.empty() && suffix_.empty()),
                        "model.byte_fallback",
                        "true together with continuing_subword_prefix or end_of_word_suffix is "
                        "not supported");
  if (unk_token_) unk_ = vocabulary().find(*unk_token_);
  for (std::size_t i = 0; i < spec.merges.size(); ++i) {
    const auto& [left, right] = spec.merges[i];
    const std::uint32_t left_id = known(vocabulary(), left, i);
    const std::uint32_t right_id = known(vocabulary(), right, i);
    check<TokenizerError>(right.size() >= prefix_.size(), "model.merges", "merge ", i,
                          " has a right half '", right, "' shorter than the continuing prefix");
    const std::uint32_t id = known(vocabulary(), left + right.substr(prefix_.size()), i);
    merges_[std::uint64_t{left_id} << 32 | right_id] = {static_cast<std::uint32_t>(i), id};
  }
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    fallback_[static_cast<std::size_t>(byte)] = vocabulary().find(name).value_or(kNone);
    std::string c;
    unicode::append(c, byte_to_char(static_cast<unsigned char>(byte)));
    for (std::size_t place = 0; place < 4; ++place) {
      const std::string token = (place & 1 ? "" : prefix_) + c + (place & 2 ? suffix_ : "");
      byte_tokens_[place][static_cast<std::size_t>(byte)] =
          vocabulary().find(token).value_or(kNone);
    }
  }
  if (spec.ranks) {
    check<TokenizerError>(bytes_ && spec.merges.empty() && prefix_.empty() && suffix_.empty(),
                          "model.ranks",
                          "expected a byte-level model without merges, prefix or "
                          "suffix");
    merge_by_rank();
  }
  if (!ignore_merges_) return;
  for (const auto& [token, id] : spec.vocab) {
    std::string word;
    if (bytes_) append_token_bytes(word, token);
    if (bytes_ && spelled(word) != token) continue;  // not in the alphabet: no word can be it
    if (bytes_ && !unicode::is_valid(word)) continue;
    words_.add(bytes_ ? word : token, static_cast<std::uint32_t>(id));
  }
}

// Of the ways to cut a token in two, one at most is ever met: whatever stands around it, the merges
// inside a token come in the order in which they come when it stands alone. So every token is
// encoded, the short ones first, with the merges of those before it; two symbols left are its
// merge.
void Bpe::merge_by_rank() {
  for (std::size_t byte = 0; byte < 256; ++byte) {
    check<TokenizerError>(byte_tokens_[0][byte] != kNone, "model.vocab", "byte ", byte,
                          " has no token, expected one for every byte");
  }
  std::vector<std::pair<std::string, std::uint32_t>> words;
  words.reserve(vocabulary().size());
  for (std::uint32_t id = 0; id < vocabulary().end_id(); ++id) {
    if (!vocabulary().has(id)) continue;
    std::string word;
    append_token_bytes(word, vocabulary().token(id));
    check<TokenizerError>(spelled(word) == vocabulary().token(id), "model.vocab", "token '",
                          vocabulary().token(id), "' is not spelled in the byte-level alphabet");
    words.emplace_back(std::move(word), id);
  }
  std::stable_sort(words.begin(), words.end(),
                   [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
  Workspace workspace;
  std::vector<Token> parts;
  for (const auto& [word, id] : words) {
    if (word.size() < 2) continue;
    parts.clear();
    compute(word, nullptr, workspace, parts);
    if (parts.size() != 2) continue;  // no text ends in this token but one that is the token
    merges_[std::uint64_t{parts[0].id} << 32 | parts[1].id] = {id, id};
  }
}

void Bpe::compute(std::string_view word, const IdSet* barred, Workspace& workspace,
                  std::vector<Token>& out) const {
  if (ignore_merges_) {
    if (const auto id = words_.find(word); id && !is_barred(barred, *id)) {
      out.push_back({*id, 0, static_cast<std::uint32_t>(word.size())});
      return;
    }
  }
  auto& symbols = workspace.symbols;
  const bool is_plain = bytes_ && start_from_bytes(word, barred, workspace);
  std::string spelling;
  if (!is_plain) {
    if (bytes_) spelling = spelled(word);
    start_from_characters(bytes_ ? std::string_view(spelling) : word, barred, workspace);
  }
  if (symbols.size() <= kShortWord && !barred) {
    merge_short(workspace);
  } else {
    merge_long(barred, workspace);
  }
  std::uint32_t begin = 0;
  const std::size_t first = out.size();
  for (const auto& symbol : symbols) {
    if (symbol.size == 0) continue;  // merged into the one before
    out.push_back({symbol.id, begin, begin + symbol.size});
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

void Bpe::merge_short(Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  auto& ranks = workspace.ranks;
  auto& results = workspace.results;
  std::size_t size = symbols.size();
  if (size < 2) return;
  ranks.resize(size);
  results.resize(size);
  const auto look_up = [&](std::size_t i) {
    const Result* found = merge(symbols[i].id, symbols[i + 1].id);
    ranks[i] = found ? found->rank : kNone;
    results[i] = found ? found->id : 0;
  };
  for (std::size_t i = 0; i + 1 < size; ++i) look_up(i);
  while (size > 1) {
    const auto end = ranks.begin() + static_cast<std::ptrdiff_t>(size - 1);
    const auto best = std::min_element(ranks.begin(), end);
    if (*best == kNone) break;
    const auto i = static_cast<std::size_t>(best - ranks.begin());
    symbols[i].id = results[i];
    symbols[i].size += symbols[i + 1].size;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    ranks.erase(ranks.begin() + static_cast<std::ptrdiff_t>(i));
    results.erase(results.begin() + static_cast<std::ptrdiff_t>(i));
    --size;
    if (i > 0) look_up(i - 1);
    if (i + 1 < size) look_up(i);
  }
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
    const Result* found = merge(symbol.id, symbols[static_cast<std::size_t>(symbol.next)].id);
    if (!found || is_barred(barred, found->id)) return;
    heap.push_back({found->rank, static_cast<std::uint32_t>(position), found->id});
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
    const Result* current = merge(left.id, right.id);
    if (!current || current->id != top.id) continue;  // one of the two has grown since
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
