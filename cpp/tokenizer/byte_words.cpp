#include "tokenizer/byte_words.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tokenizer/scanners.h"
#include "tokenizer/window.h"

namespace quatrain::tokenizer {
namespace {

// The words of a text, many at a time.
template <WordPattern P>
class Words {
 public:
  // Memory can be read up to `readable`.
  Words(std::string_view text, const char* readable)
      : scan_(text.data() + text.size(), readable),
        end_(text.data() + text.size()),
        readable_(readable) {}

  // Finds words from `at` on, which begin before `stop`.
  void find(const char* at, const char* stop) {
    count_ = 0;
    places_[0] = at;
    while (count_ < kMost && at < stop) {
      if (can_look(at)) {
        const auto [starts, is_whole] = window_.look(at, static_cast<std::size_t>(end_ - at));
        for (std::uint64_t rest = starts; rest; rest &= rest - 1) {
          places_[++count_] = at + std::countr_zero(rest);
        }
        at = places_[count_];
        if (starts && is_whole) continue;
      }
      at = scan_.next(at);
      places_[++count_] = at;
    }
  }
  std::size_t count() const { return count_; }
  std::string_view operator[](std::size_t i) const { return {places_[i], places_[i + 1]}; }
  const char* end() const { return places_[count_]; }

 private:
  using Look = Window<P>;
  static constexpr std::size_t kMost = 256;

  bool can_look(const char* at) const {
    // What begins in a window must have readable memory behind it, too.
    constexpr std::ptrdiff_t kNeeded = Look::kSize + IdCache::kRead;
    return Look::kServes && readable_ - at >= kNeeded && !((at[0] | at[1]) & 0x80);
  }

  Scan<P> scan_;
  Look window_{scan_};
  const char* end_;
  const char* readable_;
  std::size_t count_ = 0;
  std::array<const char*, kMost + Look::kSize + 1> places_;  // where words begin and the last ends
};

// Appends the ids of the words that begin before `stop`, where IdCache::kRead bytes can be read
// behind each, and returns where the last of them ends.
template <WordPattern P>
const char* append_words(const ByteBpe& bpe, std::string_view text, const char* stop,
                         const char* readable, IdCache& cache, IdBuffer& out) {
  // Keys are made ahead of their use: meanwhile, the cache's memory comes near.
  constexpr std::size_t kAhead = 16;
  struct Next {
    IdCache::Key key;  // none if the cache alone does not do
    std::uint64_t hash;
  };
  std::array<Next, kAhead> ahead;
  Words<P> words(text, readable);
  const char* at = text.data();
  while (at < stop) {
    words.find(at, stop);
    at = words.end();
    const std::size_t count = words.count();
    const auto prepare = [&](std::size_t i) {
      const std::string_view word = words[i];
      IdCache::Key key;
      if (word.size() <= IdCache::kShort && !ByteBpe::may_cut(word)) {
        key = IdCache::short_key(word.data(), word.size(), 0);
      }
      ahead[i % kAhead] = {key, key.hash()};
      cache.prefetch(key.hash());
    };
    for (std::size_t i = 0; i < std::min(kAhead, count); ++i) prepare(i);
    out.reserve(count * IdCache::kFew);
    std::uint32_t* to = out.end();
    for (std::size_t i = 0; i < count; ++i) {
      const auto [key, hash] = ahead[i % kAhead];
      if (i + kAhead < count) prepare(i + kAhead);
      const IdCache::Slot& slot = cache.likely(key, hash);
      if (slot.holds(key)) [[likely]] {
        std::memcpy(to, slot.ids.data(), sizeof slot.ids);
        to += slot.count;
        continue;
      }
      out.advance(static_cast<std::size_t>(to - out.end()));
      bpe.encode(words[i], readable, cache, out);
      out.reserve((count - i) * IdCache::kFew);
      to = out.end();
    }
    out.advance(static_cast<std::size_t>(to - out.end()));
  }
  return at;
}

template <WordPattern P>
void append_text(const ByteBpe& bpe, std::string_view text, const char* readable, IdCache& cache,
                 IdBuffer& out) {
  constexpr auto kMargin = static_cast<std::ptrdiff_t>(IdCache::kRead);
  const char* at = text.data();
  const char* end = at + text.size();
  if (readable - at > kMargin) {
    at = append_words<P>(bpe, text, std::min(end, readable - kMargin), readable, cache, out);
  }
  if (at == end) return;
  // What is left is at the end of readable memory, and short.
  std::array<char, 2 * IdCache::kRead> copy{};
  const char* stop = std::copy(at, end, copy.data());
  append_words<P>(bpe, {copy.data(), static_cast<std::size_t>(end - at)}, stop,
                  copy.data() + copy.size(), cache, out);
}

}  // namespace

void append_word_ids(PreTokenizerSpec::Scanner scanner, const ByteBpe& bpe, std::string_view text,
                     const char* readable, IdCache& cache, IdBuffer& out) {
  with_pattern(scanner, [&]<WordPattern P>() { append_text<P>(bpe, text, readable, cache, out); });
}

}  // namespace quatrain::tokenizer
