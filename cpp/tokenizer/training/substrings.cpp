#include "tokenizer/training/substrings.h"

#include <algorithm>
#include <tuple>

#include "core/check.h"
#include "core/parallel.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

// Suffixes that are sorted between two reports of progress.
constexpr std::uint32_t kBatch = 1 << 20;

// Sorts suffixes by at most `depth_` characters: quicksort with three parts on one character after
// the other (Bentley and Sedgewick 1997).
class SuffixSort {
 public:
  SuffixSort(const std::u32string& characters, std::uint32_t depth)
      : characters_(characters.data()), depth_(depth) {}

  // The suffixes agree on their first `known` characters, none of which is a seam.
  void operator()(std::span<std::uint32_t> suffixes, std::uint32_t known) {
    while (suffixes.size() > kFew && known < depth_) {
      const char32_t pivot = characters_[suffixes[random(suffixes.size())] + known];
      std::size_t less = 0, end = suffixes.size();
      for (std::size_t i = 0; i < end;) {
        const char32_t c = characters_[suffixes[i] + known];
        if (c < pivot) {
          std::swap(suffixes[i++], suffixes[less++]);
        } else if (c > pivot) {
          std::swap(suffixes[i], suffixes[--end]);
        } else {
          ++i;
        }
      }
      const auto equal = suffixes.subspan(less, end - less);
      if (pivot != WordRow::kSeam) (*this)(equal, known + 1);
      auto smaller = suffixes.first(less), larger = suffixes.subspan(end);
      if (smaller.size() > larger.size()) std::swap(smaller, larger);
      (*this)(smaller, known);
      suffixes = larger;
    }
    if (known >= depth_) return;
    std::sort(suffixes.begin(), suffixes.end(), [&](std::uint32_t a, std::uint32_t b) {
      const std::uint32_t size = shared(a, b, known);
      return size < depth_ && characters_[a + size] < characters_[b + size];
    });
  }

  // How many characters two suffixes share, at most `depth_`, if they share `known`.
  std::uint32_t shared(std::uint32_t a, std::uint32_t b, std::uint32_t known) const {
    std::uint32_t size = known;
    while (size < depth_ && characters_[a + size] == characters_[b + size] &&
           characters_[a + size] != WordRow::kSeam) {
      ++size;
    }
    return size;
  }

 private:
  static constexpr std::size_t kFew = 12;

  std::size_t random(std::size_t size) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % size;
  }

  const char32_t* characters_;
  std::uint32_t depth_;
  std::uint64_t state_ = 1;
};

// All places but the seams, by their first character, and where each character begins.
std::vector<std::uint32_t> by_first_character(const std::u32string& characters,
                                              std::vector<std::uint32_t>& places) {
  std::vector<std::uint32_t> ends(0x110001);
  for (const char32_t c : characters) {
    if (c != WordRow::kSeam) ++ends[c + 1];
  }
  std::vector<std::uint32_t> starts;
  for (std::size_t c = 0; c < 0x110000; ++c) {
    if (ends[c + 1]) starts.push_back(ends[c]);
    ends[c + 1] += ends[c];
  }
  places.resize(ends.back());
  for (std::size_t at = 0; at < characters.size(); ++at) {
    const char32_t c = characters[at];
    if (c != WordRow::kSeam) places[ends[c]++] = static_cast<std::uint32_t>(at);
  }
  starts.push_back(static_cast<std::uint32_t>(places.size()));
  return starts;
}

bool comes_first(const Substring& a, const Substring& b) {
  return std::tuple(b.count * b.length, a.first, a.length) <
         std::tuple(a.count * a.length, b.first, b.length);
}

// Keeps the `most` first ones.
void choose(std::vector<Substring>& found, std::size_t most) {
  if (found.size() <= most) return;
  const auto end = found.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(found.begin(), end, found.end(), comes_first);
  found.erase(end, found.end());
}

}  // namespace

WordRow::WordRow(std::span<const WordCount> words, bool bytes) {
  for (const WordCount& word : words) {
    starts.push_back(static_cast<std::uint32_t>(characters.size()));
    for (std::size_t at = 0; at < word.word.size();) {
      characters += bytes ? byte_to_char(static_cast<unsigned char>(word.word[at++]))
                          : unicode::decode(word.word, at);
    }
    sizes.push_back(static_cast<std::uint32_t>(characters.size()) - starts.back());
    counts.push_back(word.count);
    characters += kSeam;
    check(characters.size() < UINT32_MAX, "train",
          "the words have 2^32 characters in all or more, expected fewer");
  }
}

Substrings find_substrings(const WordRow& row, std::uint32_t longest, std::size_t most, int threads,
                           const Progress& progress) {
  Substrings out;
  const std::vector<std::uint32_t> starts = by_first_character(row.characters, out.places);
  const std::uint32_t depth = longest + 1;  // one more tells what `longest` characters stand for
  std::vector<std::uint16_t> shared(out.places.size() + 1);
  const auto sort_from = [&](std::size_t i) {
    SuffixSort sort(row.characters, depth);
    const std::uint32_t first = starts[i], last = starts[i + 1];
    sort(std::span(out.places).subspan(first, last - first), 1);
    for (std::uint32_t at = first + 1; at < last; ++at) {
      shared[at] = static_cast<std::uint16_t>(sort.shared(out.places[at - 1], out.places[at], 1));
    }
  };
  for (std::size_t begin = 0, end = 0; end + 1 < starts.size(); begin = end) {
    while (end + 1 < starts.size() && starts[end] - starts[begin] < kBatch) ++end;
    parallel_for(threads, static_cast<std::ptrdiff_t>(end - begin), [&](auto from, auto to) {
      for (; from < to; ++from) sort_from(begin + static_cast<std::size_t>(from));
    });
    progress(0, 0);
  }

  std::vector<std::uint32_t> word_at(row.characters.size());
  for (std::uint32_t word = 0; word < row.starts.size(); ++word) {
    std::fill_n(word_at.begin() + row.starts[word], row.sizes[word], word);
  }
  // The open strings, each a prefix of the next, that the suffix before began with.
  std::vector<Substring> open{{0, 0, 0, 0}};
  for (std::uint32_t at = 0; at < out.places.size(); ++at) {
    const std::uint32_t place = out.places[at], word = word_at[place];
    const std::uint32_t rest = row.starts[word] + row.sizes[word] - place;
    const std::uint64_t count = row.counts[word];
    Substring next{at, 0, std::min(rest, depth), count};
    if (open.back().length == next.length) {
      open.back().count += count;
    } else {
      open.push_back(next);
    }
    // The strings that the next suffix does not begin with end here.
    const std::uint32_t kept = shared[at + 1];
    while (open.back().length > kept) {
      Substring closed = open.back();
      open.pop_back();
      closed.places = at + 1 - closed.first;
      if (closed.length >= 2 && closed.length <= longest && closed.count >= 2) {
        out.longer.push_back(closed);
        if (out.longer.size() >= 2 * most + 1024) choose(out.longer, most);
      }
      if (open.back().length < kept) open.push_back({closed.first, 0, kept, 0});
      if (open.back().length > 0) {
        open.back().count += closed.count;
      } else {
        out.characters.push_back({closed.first, closed.places, 1, closed.count});
      }
    }
  }
  choose(out.longer, most);
  std::sort(out.longer.begin(), out.longer.end(), comes_first);
  return out;
}

}  // namespace quatrain::tokenizer
