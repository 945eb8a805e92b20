// Ids by way of a cache, for rules that cut a text into words before it is normalized.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "tokenizer/id_buffer.h"
#include "tokenizer/id_cache.h"
#include "tokenizer/model.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

// A stretch of the text as it stands.
struct RawWord {
  std::string_view bytes;
  IdCache::Key key;  // none if it is not to be cached
  bool is_plain;     // in the sense of the rule
};

template <class Rule>
void append_ids(const Rule& rule, const RawWord& word, Workspace& workspace, IdBuffer& out) {
  if (!word.key.is_none()) {
    const IdCache::Ids ids = workspace.id_cache.find(word.key, word.bytes);
    if (ids.size() - 1 < IdCache::kFew) return out.append_few<IdCache::kFew>(ids);
    if (!ids.empty()) return out.append(ids);
  }
  const std::size_t first = out.size();
  const bool is_one = rule.compute(word, workspace, out);
  if (is_one && !word.key.is_none()) {
    workspace.id_cache.insert(word.key, word.bytes, out.ids(first));
  }
}

// Appends the ids of the words that begin before `stop`, where IdCache::kRead bytes can be read
// behind each, and returns where the last of them ends.
template <class Rule>
const char* append_words(const Rule& rule, std::string_view text, const char* stop,
                         const char* readable, Workspace& workspace, IdBuffer& out) {
  // Words ahead of their ids: while some are found, the cache's memory for those before comes near.
  constexpr std::size_t kAhead = 16;
  const char* at = text.data();
  const char* end = at + text.size();
  std::array<RawWord, kAhead> words;
  while (at < stop) {
    std::size_t count = 0;
    do {
      RawWord& word = words[count];
      const char* begin = at;
      at = rule.word_end(begin, end, readable, word.is_plain);
      if (at == begin) {
        at += unicode::length(*at);
        continue;
      }
      word.bytes = {begin, at};
      word.key = {};
      if (word.bytes.size() <= IdCache::kShort) {
        word.key = IdCache::short_key(begin, word.bytes.size(), 0);
        workspace.id_cache.prefetch(word.key.hash());
      } else if (word.bytes.size() <= IdCache::kLongest) {
        word.key = IdCache::long_key(word.bytes, 0);
      }
      ++count;
    } while (count < kAhead && at < stop);
    for (std::size_t i = 0; i < count; ++i) append_ids(rule, words[i], workspace, out);
  }
  return at;
}

// Appends the ids of a text. Memory can be read up to `readable`. The rule has:
// - word_end(at, end, readable, is_plain): the end of the word that begins at `at`, or `at` if the
//   character there is none and is left out;
// - compute(word, workspace, out): appends its ids; whether it is one pre-token at most.
template <class Rule>
void read_cached(const Rule& rule, std::string_view text, const char* readable,
                 Workspace& workspace, IdBuffer& out) {
  constexpr auto kMargin = static_cast<std::ptrdiff_t>(IdCache::kRead);
  const char* at = text.data();
  const char* end = at + text.size();
  if (readable - at > kMargin) {
    at = append_words(rule, text, std::min(end, readable - kMargin), readable, workspace, out);
  }
  if (at >= end) return;
  // What is left is at the end of readable memory, and short.
  std::array<char, 2 * IdCache::kRead> copy{};
  const char* stop = std::copy(at, end, copy.data());
  append_words(rule, {copy.data(), stop}, stop, copy.data() + copy.size(), workspace, out);
}

}  // namespace quatrain::tokenizer
