#include "tokenizer/byte_bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "tokenizer/byte_level.h"
#include "tokenizer/few_symbols.h"
#include "tokenizer/hash.h"
#include "tokenizer/merge_runs.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

unsigned char byte_at(std::string_view word, std::size_t i) {
  return static_cast<unsigned char>(word[i]);
}

}  // namespace

ByteBpe::ByteBpe(const Vocabulary& vocabulary, const std::array<std::uint32_t, 256>& byte_ids,
                 Options options, PairTable& merges)
    : merges_(merges), byte_ids_(byte_ids), keeps_words_(options.keeps_words) {
  read_tokens(vocabulary);
  if (options.ids_are_ranks) {
    find_merges(vocabulary, merges);
  } else {
    read_pairs();
  }
  if (keeps_words_) index_words(vocabulary);
}

void ByteBpe::read_tokens(const Vocabulary& vocabulary) {
  ends_.push_back(0);
  for (std::uint32_t id = 0; id < vocabulary.end_id(); ++id) {
    if (vocabulary.has(id)) append_token_bytes(bytes_, vocabulary.token(id));
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    cuts_.add(bytes(id));
  }
  bytes_.shrink_to_fit();
  cuts_.finish();
}

void ByteBpe::read_pairs() {
  pairs_.resize(256 * 256);
  for (std::size_t pair = 0; pair < pairs_.size(); ++pair) {
    pairs_[pair] = merges_.find(byte_ids_[pair >> 8], byte_ids_[pair & 255]);
  }
}

// Of the ways to cut a token in two, one at most is ever met, since the merges inside a token come
// in the order in which they come when it stands alone. So every token is encoded, the short ones
// first, with the merges of those before it; two tokens left are its merge.
void ByteBpe::find_merges(const Vocabulary& vocabulary, PairTable& merges) {
  std::vector<std::uint32_t> ids;
  for (std::uint32_t id = 0; id < vocabulary.end_id(); ++id) {
    if (size(id) > 1) ids.push_back(id);
  }
  std::stable_sort(ids.begin(), ids.end(), [this](auto a, auto b) { return size(a) < size(b); });
  IdBuffer parts;
  for (const std::uint32_t id : ids) {
    const std::string_view word = bytes(id);
    if (word.size() == 2) {
      merges.add(byte_ids_[byte_at(word, 0)], byte_ids_[byte_at(word, 1)], id, id);
      continue;
    }
    if (pairs_.empty()) read_pairs();
    parts.shorten(0);
    merge(word, parts);
    // Else no text ends in this token but one that is the token.
    if (parts.size() == 2) merges.add(parts.data()[0], parts.data()[1], id, id);
  }
  if (pairs_.empty()) read_pairs();
}

void ByteBpe::index_words(const Vocabulary& vocabulary) {
  words_.resize(std::bit_ceil(vocabulary.size() * 3 / 2 + 2));
  for (std::uint32_t id = 0; id < vocabulary.end_id(); ++id) {
    const std::string_view word = bytes(id);
    if (word.empty() || !unicode::is_valid(word)) continue;  // no word can be it
    if (!is_spelled(vocabulary.token(id))) continue;
    const std::uint64_t hash = hash_bytes(word);
    std::size_t i = hash & (words_.size() - 1);
    while (words_[i]) i = (i + 1) & (words_.size() - 1);
    words_[i] = (hash >> 32 << 32) | (id + 1);
  }
}

std::uint32_t ByteBpe::find_word(std::string_view word) const {
  const std::uint64_t hash = hash_bytes(word);
  for (std::size_t i = hash & (words_.size() - 1); words_[i]; i = (i + 1) & (words_.size() - 1)) {
    const auto id = static_cast<std::uint32_t>(words_[i]) - 1;
    if (words_[i] >> 32 == hash >> 32 && bytes(id) == word) return id;
  }
  return PairTable::kNone;
}

void ByteBpe::encode(std::string_view word, const char* readable, IdCache& cache,
                     IdBuffer& out) const {
  if (!CutTable::may_cut(word)) return encode_part(word, 0, readable, cache, out);
  const char* end = word.data() + word.size();
  std::array<const char*, 64> ends;
  std::uint8_t part = 0;
  for (const char* at = word.data(); at < end;) {
    const std::size_t count = cuts_.cut({at, end}, end, ends);
    if (ends[0] < end) part = this->part();
    for (std::size_t i = 0; i < count; at = ends[i++]) {
      encode_part({at, ends[i]}, part, readable, cache, out);
    }
  }
}

void ByteBpe::encode_part(std::string_view word, std::uint8_t part, const char* readable,
                          IdCache& cache, IdBuffer& out) const {
  if (word.size() > IdCache::kLongest) {
    if (keeps_words_ && !part) {
      if (const std::uint32_t id = find_word(word); id != PairTable::kNone) return out.push(id);
    }
    return merge(word, out);
  }
  const IdCache::Key key = IdCache::key(word, part, readable);
  const IdCache::Ids ids = cache.find(key, word);
  if (ids.size() - 1 < IdCache::kFew) return out.append_few<IdCache::kFew>(ids);
  if (!ids.empty()) return out.append(ids);
  encode_new(key, word, cache, out);
}

void ByteBpe::encode_new(const IdCache::Key& key, std::string_view word, IdCache& cache,
                         IdBuffer& out) const {
  const std::size_t first = out.size();
  std::uint32_t whole = PairTable::kNone;
  if (keeps_words_ && !key.is_part()) whole = find_word(word);
  if (whole != PairTable::kNone) {
    out.push(whole);
  } else {
    merge(word, out);
  }
  cache.insert(key, word, out.ids(first));
}

void ByteBpe::merge(std::string_view word, IdBuffer& out) const {
  const std::size_t first = out.size();
  if (word.size() > kShort) {
    if (merge_run(word, out) || merge_blocks(word, out)) return;
    out.shorten(first);
  }
  merge_at_once(word, out);
}

void ByteBpe::merge_at_once(std::string_view word, IdBuffer& out) const {
  if (word.size() > kShort) return merge_heap(word, out);
  out.reserve(word.size());
  out.advance(merge_short(word, out.end()));
}

std::size_t ByteBpe::merge_short(std::string_view word, std::uint32_t* to) const {
  FewSymbols symbols;
  for (std::size_t i = 0; i < word.size(); ++i) symbols.push(byte_ids_[byte_at(word, i)]);
  symbols.merge(merges_, [&](std::size_t i) {
    return pairs_[std::size_t{byte_at(word, i)} << 8 | byte_at(word, i + 1)];
  });
  std::size_t count = 0;
  symbols.each([&](std::uint32_t id, std::size_t, std::size_t) { to[count++] = id; });
  return count;
}

void ByteBpe::merge_heap(std::string_view word, IdBuffer& out) const {
  struct Symbol {
    std::uint32_t id, next, previous;
  };
  const auto size = static_cast<std::uint32_t>(word.size());
  std::vector<Symbol> symbols(size);
  std::vector<std::uint64_t> heap;  // rank and place
  for (std::uint32_t i = 0; i < size; ++i) {
    symbols[i] = {byte_ids_[byte_at(word, i)], i + 1, i - 1};
  }
  const auto rank_at = [&](std::uint32_t i) {
    const std::uint32_t next = symbols[i].next;
    return next < size ? merges_.find(symbols[i].id, symbols[next].id) : PairTable::kNone;
  };
  const auto push = [&](std::uint32_t i) {
    const std::uint32_t rank = rank_at(i);
    if (rank != PairTable::kNone) heap.push_back(std::uint64_t{rank} << 32 | i);
    return rank != PairTable::kNone;
  };
  for (std::uint32_t i = 0; i + 1 < size; ++i) push(i);
  const std::greater<> later;
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    const std::uint64_t top = heap.front();
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
    const auto at = static_cast<std::uint32_t>(top);
    Symbol& symbol = symbols[at];
    // One of the two may be gone or have grown since.
    if (symbol.id == PairTable::kNone || rank_at(at) != top >> 32) continue;
    symbol.id = merges_.id(static_cast<std::uint32_t>(top >> 32));
    symbols[symbol.next].id = PairTable::kNone;
    symbol.next = symbols[symbol.next].next;
    if (symbol.next < size) {
      symbols[symbol.next].previous = at;
      if (push(at)) std::push_heap(heap.begin(), heap.end(), later);
    }
    if (at > 0 && push(symbol.previous)) std::push_heap(heap.begin(), heap.end(), later);
  }
  for (std::uint32_t i = 0; i < size; i = symbols[i].next) out.push(symbols[i].id);
}

bool ByteBpe::merge_run(std::string_view word, IdBuffer& out) const {
  if (word.find_first_not_of(word[0]) != std::string_view::npos) return false;
  const auto runs = merge_runs(merges_, {{byte_ids_[byte_at(word, 0)], 1, word.size()}});
  if (!runs) return false;
  for (const Run& run : *runs) {
    out.reserve(run.count);
    std::fill_n(out.end(), run.count, run.id);
    out.advance(run.count);
  }
  return true;
}

bool ByteBpe::merge_blocks(std::string_view word, IdBuffer& out) const {
  const std::size_t first = out.size();
  std::size_t budget = 4 * word.size();
  for (std::size_t at = 0; at < word.size(); at += kShort) {
    const std::size_t middle = out.size();
    merge(word.substr(at, kShort), out);
    if (at > 0 && !join(first, middle, word.data() + at, budget, out)) return false;
  }
  return true;
}

// Makes the tokens from `first` on those of their text, when those before and those from `middle`
// on are: the tokens at the seam are made anew until both ends of what is new are stable.
bool ByteBpe::join(std::size_t first, std::size_t middle, const char* seam, std::size_t& budget,
                   IdBuffer& out) const {
  std::size_t begin = middle - 1, end = middle + 1;
  bool is_spent = false;
  const auto spend = [&](std::size_t work) {
    is_spent = is_spent || work > budget;
    if (!is_spent) budget -= work;
    return !is_spent;
  };
  const auto is_stable_at = [&](std::uint32_t left, std::uint32_t right) {
    return spend(size(left) + size(right)) && is_stable(left, right);
  };
  if (is_stable_at(out.data()[begin], out.data()[middle])) return true;
  IdBuffer anew;
  while (!is_spent) {
    std::size_t before = 0, behind = 0;  // bytes
    for (std::size_t i = begin; i < middle; ++i) before += size(out.data()[i]);
    for (std::size_t i = middle; i < end; ++i) behind += size(out.data()[i]);
    if (!spend(before + behind)) return false;
    anew.shorten(0);
    const std::string_view text(seam - before, before + behind);
    merge_at_once(text, anew);
    const bool begins_well = begin == first || is_stable_at(out.data()[begin - 1], anew.data()[0]);
    const bool ends_well =
        end == out.size() || is_stable_at(anew.data()[anew.size() - 1], out.data()[end]);
    if (begins_well && ends_well) break;
    if (!begins_well) begin -= std::min(middle - begin, begin - first);
    if (!ends_well) end += std::min(end - middle, out.size() - end);
  }
  if (!is_spent) out.replace(begin, end, anew.ids());
  return !is_spent;
}

bool ByteBpe::is_stable(std::uint32_t left, std::uint32_t right) const {
  const std::size_t both = size(left) + size(right);
  if (both <= kShort) {
    std::array<char, kShort> text;
    std::array<std::uint32_t, kShort> ids;
    bytes(left).copy(text.data(), size(left));
    bytes(right).copy(text.data() + size(left), size(right));
    return merge_short({text.data(), both}, ids.data()) == 2 && ids[0] == left;
  }
  IdBuffer ids;
  merge_at_once(std::string(bytes(left)).append(bytes(right)), ids);
  return ids.size() == 2 && ids.data()[0] == left;
}

}  // namespace quatrain::tokenizer
