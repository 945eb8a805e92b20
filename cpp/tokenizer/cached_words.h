// Ids by way of a cache, for readers that cut a text into words before it is normalized.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/id_buffer.h"
#include "tokenizer/id_cache.h"

namespace quatrain::tokenizer {

// A stretch of the text as it stands.
struct RawWord {
  std::string_view bytes;  // none where the reader found nothing to read
  IdCache::Key key;        // none if it is not to be cached
  std::uint64_t hash = 0;  // of the key
  bool is_plain = false;   // in the sense of the reader
  bool is_part = false;    // goes on with the word before
  bool is_alone = false;   // a character whose id is known, and with which a run of such may begin

  // Makes the key, and brings the memory near that it leads to.
  void look_ahead(const IdCache& cache, const char* readable) {
    key = IdCache::key(bytes, is_part ? IdCache::kPart : 0, readable);
    hash = key.hash();
    cache.prefetch(hash);
  }
};

// Whether the cache had the ids of the word, which are appended.
inline bool append_cached(const IdCache& cache, const RawWord& word, IdBuffer& out) {
  const IdCache::Slot& slot = cache.likely(word.key, word.hash);
  if (slot.holds(word.key)) [[likely]] {
    out.append_few<IdCache::kFew>(IdCache::Ids(slot.ids.data(), slot.count));
    return true;
  }
  if (word.key.is_none()) return false;
  const IdCache::Ids ids = cache.find(word.key, word.bytes);
  out.append(ids);
  return !ids.empty();
}

// Has the reader read a text. It has:
// - find(at, word): finds the word at `at`, and returns its end;
// - append(word): appends its ids;
// - append_run(at): appends the ids of the characters at `at` that are like the last word, if that
//   is alone, and returns their end.
template <class Reader>
void read_words(Reader& reader, std::string_view text) {
  // Words ahead of their ids: while some are found, the cache's memory for those before comes near.
  constexpr std::size_t kAhead = 16;
  std::array<RawWord, kAhead> words;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    std::size_t count = 0;
    bool is_alone = false;
    do {
      RawWord& word = words[count];
      at = reader.find(at, word);
      count += !word.bytes.empty();
      is_alone = word.is_alone;
    } while (count < kAhead && at < end && !is_alone);
    for (std::size_t i = 0; i < count; ++i) reader.append(words[i]);
    if (is_alone) at = reader.append_run(at);
  }
}

}  // namespace quatrain::tokenizer
