#include "tokenizer/byte_words.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "tokenizer/scanners.h"
#include "tokenizer/window.h"

namespace quatrain::tokenizer {
namespace {

// The words of a text, many at a time, and for words that can be cut, their parts.
template <WordPattern P>
class Words {
 public:
  // Memory can be read up to `readable`.
  Words(const ByteBpe& bpe, std::string_view text, const char* readable)
      : bpe_(bpe),
        scan_(text.data() + text.size(), readable),
        end_(text.data() + text.size()),
        readable_(readable) {}

  // Finds words from `at` on, which begin before `stop`.
  void find(const char* at, const char* stop) {
    count_ = 0;
    places_[0] = at;
    parts_.fill(0);
    while (count_ < kMost && at < stop) {
      if (at < word_end_) {
        at = cut(at, stop);
        continue;
      }
      if (can_look(at)) {
        const auto [starts, is_whole] = window_.look(at, static_cast<std::size_t>(end_ - at));
        for (std::uint64_t rest = starts; rest; rest &= rest - 1) {
          places_[++count_] = at + std::countr_zero(rest);
        }
        at = places_[count_];
        if (starts && is_whole) continue;
      }
      word_ = at;
      word_end_ = scan_.next(at);
      at = cut(at, stop);
    }
  }
  std::size_t count() const { return count_; }
  std::string_view operator[](std::size_t i) const { return {places_[i], places_[i + 1]}; }
  // IdCache::kPart if this is a part of a word and that makes a difference, else 0.
  std::uint8_t part(std::size_t i) const { return parts_[i]; }
  const char* end() const { return places_[count_]; }

 private:
  using Look = Window<P>;
  static constexpr std::size_t kMost = 256;

  bool can_look(const char* at) const {
    // What begins in a window must have readable memory behind it, too.
    constexpr std::ptrdiff_t kNeeded = Look::kSize + IdCache::kRead;
    return Look::kServes && readable_ - at >= kNeeded && !((at[0] | at[1]) & 0x80);
  }

  // Cuts what is left of the word that was scanned, and returns how far.
  const char* cut(const char* at, const char* stop) {
    const std::string_view rest(at, word_end_);
    const std::size_t first = count_;
    if (CutTable::may_cut(rest)) {
      count_ += bpe_.cuts().cut(rest, stop, std::span(places_).subspan(count_ + 1));
    } else {
      places_[++count_] = word_end_;
    }
    if (at > word_ || places_[first + 1] < word_end_) {
      std::fill(parts_.begin() + first, parts_.begin() + count_, bpe_.part());
    }
    return places_[count_];
  }

  const ByteBpe& bpe_;
  Scan<P> scan_;
  Look window_{scan_};
  const char* end_;
  const char* readable_;
  const char* word_ = nullptr;  // scanned last
  const char* word_end_ = nullptr;
  std::size_t count_ = 0;
  std::array<const char*, kMost + Look::kSize + 1> places_;  // where words begin and the last ends
  std::array<std::uint8_t, kMost + Look::kSize> parts_;
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
  Words<P> words(bpe, text, readable);
  const char* at = text.data();
  while (at < stop) {
    words.find(at, stop);
    at = words.end();
    const std::size_t count = words.count();
    const auto prepare = [&](std::size_t i) {
      const std::string_view word = words[i];
      IdCache::Key key;
      if (word.size() <= IdCache::kShort) {
        key = IdCache::short_key(word.data(), word.size(), words.part(i));
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
      if (slot.key == key) {
        out.append(cache.pooled(slot));
      } else {
        bpe.encode_part(words[i], words.part(i), readable, cache, out);
      }
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
