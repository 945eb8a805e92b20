#include "tokenizer/training/bpe_trainer.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "core/check.h"
#include "tokenizer/hash.h"
#include "tokenizer/training/symbols.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
// Merges between two reports of progress.
constexpr std::size_t kReport = 64;

std::uint64_t to_key(std::uint32_t left, std::uint32_t right) {
  return std::uint64_t{left} << 32 | right;
}

// All words in one row of cells, one for each character, with a seam between two words. A symbol
// stands in its first cell; if it has more, the second and the last hold its size, so that both
// neighbours find its other end.
class Row {
 public:
  static constexpr std::uint32_t kSeam = 0x7FFFFFFF;  // the symbol between words

  explicit Row(const SymbolWords& words) {
    const std::size_t size = words.ids.size() + words.words.size() + 1;
    check(size < kTag, "train", "the words have ", size,
          " characters in all, expected less than 2^31");
    cells_.reserve(size);
    counts_.reserve(words.words.size());
    cells_.push_back({kSeam, 0});
    for (const SymbolWord& word : words.words) {
      const auto index = static_cast<std::uint32_t>(counts_.size());
      for (std::size_t i = word.begin; i < word.end; ++i) cells_.push_back({words.ids[i], index});
      cells_.push_back({kSeam, 0});
      counts_.push_back(static_cast<std::int64_t>(word.count));
    }
  }

  std::uint32_t size() const { return static_cast<std::uint32_t>(cells_.size()); }
  std::uint32_t operator[](std::uint32_t at) const { return cells_[at].symbol; }
  std::uint32_t word(std::uint32_t at) const { return cells_[at].word; }
  std::int64_t count(std::uint32_t at) const { return counts_[cells_[at].word]; }

  // From the first cell of a symbol to that of its neighbour.
  std::uint32_t after(std::uint32_t at) const {
    const std::uint32_t next = cells_[at + 1].symbol;
    return next & kTag ? at + (next & ~kTag) : at + 1;
  }
  std::uint32_t before(std::uint32_t at) const {
    const std::uint32_t last = cells_[at - 1].symbol;
    return last & kTag ? at - (last & ~kTag) : at - 1;
  }

  // Puts `symbol` in place of the two at `first` and `second`.
  void join(std::uint32_t first, std::uint32_t second, std::uint32_t symbol) {
    const std::uint32_t end = after(second), size = end - first;
    cells_[second].symbol = kTag;
    cells_[first].symbol = symbol;
    cells_[first + 1].symbol = cells_[end - 1].symbol = kTag | size;
  }

 private:
  static constexpr std::uint32_t kTag = 1u << 31;
  struct Cell {
    std::uint32_t symbol, word;
  };
  std::vector<Cell> cells_;
  std::vector<std::int64_t> counts_;  // of the words
};

// Every pair of neighbours: its count, and where it came to be.
//
// A pair that appears in one round and again in a later one is queued twice, and each time merged
// only in the words of that round, with the count of all: the peer's way, which decides what is
// merged in between.
class Pairs {
 public:
  struct Entry {
    std::uint64_t key, first;   // its places are places_[first, first + size)
    std::uint32_t size, older;  // the pair's entry before this one
  };
  struct Queued {
    std::uint64_t count, key;
    std::uint32_t entry;
    bool operator<(const Queued& other) const {  // that is: comes later
      return std::tuple(count, other.key, other.entry) < std::tuple(other.count, key, entry);
    }
  };

  explicit Pairs(const Row& row) : row_(row) {
    std::vector<std::uint32_t> sizes, pair_at(row.size(), kNone);
    for (std::uint32_t at = 1; at + 1 < row.size(); ++at) {
      if (row[at] == Row::kSeam || row[at + 1] == Row::kSeam) continue;
      Pair& pair = pairs_[to_key(row[at], row[at + 1])];
      if (pair.newest == kNone) {
        pair.newest = static_cast<std::uint32_t>(entries_.size());
        entries_.push_back({to_key(row[at], row[at + 1]), 0, 0, kNone});
      }
      pair.count += row.count(at);
      ++entries_[pair.newest].size;
      pair_at[at] = pair.newest;
    }
    std::uint64_t total = 0;
    for (Entry& entry : entries_) {
      entry.first = total;
      total += entry.size;
      entry.size = 0;
    }
    places_.resize(total);
    for (std::uint32_t at = 0; at < row.size(); ++at) {
      if (pair_at[at] == kNone) continue;
      Entry& entry = entries_[pair_at[at]];
      places_[entry.first + entry.size++] = at;
    }
    std::vector<Queued> queued;
    queued.reserve(entries_.size());
    for (std::uint32_t i = 0; i < entries_.size(); ++i) queued.push_back(to_queue(i));
    queue_ = std::priority_queue<Queued>({}, std::move(queued));
  }

  // The most frequent pair, taken from the queue; nothing if none is left.
  std::optional<Queued> pop() {
    while (!queue_.empty()) {
      Queued top = queue_.top();
      queue_.pop();
      const std::uint64_t count = to_queue(top.entry).count;
      if (top.count == count) return top;
      top.count = count;
      queue_.push(top);
    }
    return std::nullopt;
  }

  // Where the popped pair is to be merged, in ascending order. Some of it may be gone.
  std::vector<std::uint32_t> take(const Queued& top) {
    Entry& entry = entries_[top.entry];
    std::uint32_t* link = &pairs_[entry.key].newest;
    while (*link != top.entry) link = &entries_[*link].older;
    *link = entry.older;
    std::vector<std::uint32_t> places(
        places_.begin() + static_cast<std::ptrdiff_t>(entry.first),
        places_.begin() + static_cast<std::ptrdiff_t>(entry.first + entry.size));
    if (pairs_[entry.key].newest != kNone) add_from_others(entry.key, places);
    return places;
  }

  void change(std::uint64_t key, std::int64_t difference) { pairs_[key].count += difference; }

  // Queues a pair that came to be at these places.
  void add(std::uint64_t key, std::span<const std::uint32_t> places) {
    Pair& pair = pairs_[key];
    if (pair.count <= 0) return;
    entries_.push_back(
        {key, places_.size(), static_cast<std::uint32_t>(places.size()), pair.newest});
    places_.insert(places_.end(), places.begin(), places.end());
    pair.newest = static_cast<std::uint32_t>(entries_.size() - 1);
    queue_.push(to_queue(pair.newest));
  }

 private:
  struct Pair {
    std::int64_t count = 0;
    std::uint32_t newest = kNone;
  };

  Queued to_queue(std::uint32_t entry) const {
    const std::uint64_t key = entries_[entry].key;
    return {static_cast<std::uint64_t>(pairs_.find(key)->count), key, entry};
  }

  // In a word that is merged, the pair is merged everywhere: other entries give up its places.
  void add_from_others(std::uint64_t key, std::vector<std::uint32_t>& places) {
    std::vector<std::uint32_t> words;
    for (const std::uint32_t place : places) words.push_back(row_.word(place));
    for (std::uint32_t i = pairs_[key].newest; i != kNone; i = entries_[i].older) {
      Entry& entry = entries_[i];
      const auto begin = places_.begin() + static_cast<std::ptrdiff_t>(entry.first);
      const auto kept = std::stable_partition(begin, begin + entry.size, [&](std::uint32_t place) {
        return !std::binary_search(words.begin(), words.end(), row_.word(place));
      });
      places.insert(places.end(), kept, begin + entry.size);
      entry.size = static_cast<std::uint32_t>(kept - begin);
    }
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
  }

  const Row& row_;
  FlatMap<Pair> pairs_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> places_;
  std::priority_queue<Queued> queue_;
};

class Trainer {
 public:
  Trainer(const BpeTrainerSpec& spec, const SymbolWords& words, Symbols& symbols)
      : spec_(spec), symbols_(symbols), row_(words), pairs_(row_), lengths_(symbols.size(), 1) {}

  BpeTraining run(const Progress& progress) {
    std::vector<std::uint64_t> merges;
    const std::size_t begin = symbols_.size(), total = spec_.vocab_size - begin;
    while (symbols_.size() < spec_.vocab_size) {
      const auto top = pairs_.pop();
      if (!top || top->count < 1 || top->count < spec_.min_frequency) break;
      merges.push_back(top->key);
      merge(*top);
      if (merges.size() % kReport == 0) progress(symbols_.size() - begin, total);
    }
    progress(total, total);

    BpeTraining out;
    for (std::uint32_t id = 0; id < symbols_.size(); ++id) out.tokens.push_back(symbols_[id]);
    // A pair that was merged twice has the rank of the last time.
    FlatMap<bool> is_known(merges.size());
    for (auto key = merges.rbegin(); key != merges.rend(); ++key) {
      if (std::exchange(is_known[*key], true)) continue;
      out.merges.emplace_back(*key >> 32, static_cast<std::uint32_t>(*key));
    }
    std::reverse(out.merges.begin(), out.merges.end());
    return out;
  }

 private:
  // What a merge changed about the pair with one neighbour on one side.
  struct Side {
    std::int64_t lost = 0, gained = 0;
    std::uint32_t places = 0, end = 0;
  };
  static constexpr std::uint32_t kBefore = 0, kAfter = 1;

  std::uint32_t add_symbol(std::uint32_t left, std::uint32_t right) {
    std::string_view end = symbols_[right];
    if (const auto& prefix = spec_.continuing_subword_prefix; prefix && end.starts_with(*prefix)) {
      end.remove_prefix(prefix->size());
    }
    const std::uint32_t id = symbols_.add(symbols_[left] + std::string(end));
    lengths_.resize(symbols_.size());
    lengths_[id] = lengths_[left] + lengths_[right];
    return id;
  }

  bool is_short(std::uint32_t left, std::uint32_t right) const {
    return !spec_.max_token_length || lengths_[left] + lengths_[right] < *spec_.max_token_length;
  }

  Side& touch(std::uint32_t index) {
    Side& side = sides_[index];
    if (side.lost == 0 && side.gained == 0) touched_.push_back(index);
    return side;
  }

  // The pair at `place`, of the new symbol and its neighbour on one side, replaces one that is
  // lost.
  void replace(std::uint32_t neighbour, std::uint32_t direction, std::uint32_t symbol,
               std::uint32_t place, std::int64_t count) {
    const std::uint32_t index = neighbour * 2 + direction;
    touch(index).lost += count;
    if (!is_short(symbol, neighbour)) return;
    // A pair of two new symbols is one pair, seen from either side.
    const std::uint32_t gaining = neighbour == symbol ? symbol * 2 + kBefore : index;
    Side& side = touch(gaining);
    side.gained += count;
    ++side.places;
    found_.emplace_back(gaining, place);
  }

  void merge(const Pairs::Queued& top) {
    const auto left = static_cast<std::uint32_t>(top.key >> 32);
    const auto right = static_cast<std::uint32_t>(top.key);
    const std::uint32_t symbol = add_symbol(left, right);
    sides_.resize(symbols_.size() * 2);
    for (const std::uint32_t first : pairs_.take(top)) {
      if (row_[first] != left) continue;
      const std::uint32_t second = row_.after(first);
      if (row_[second] != right) continue;
      row_.join(first, second, symbol);
      const std::uint32_t previous = row_.before(first), next = row_.after(first);
      const std::int64_t count = row_.count(first);
      if (row_[previous] != Row::kSeam) replace(row_[previous], kBefore, symbol, previous, count);
      if (row_[next] != Row::kSeam) replace(row_[next], kAfter, symbol, first, count);
    }
    for (const std::uint32_t index : touched_) {
      const Side& side = sides_[index];
      const std::uint32_t other = index / 2;
      const bool is_before = index % 2 == kBefore;
      if (side.lost) {
        pairs_.change(is_before ? to_key(other, left) : to_key(right, other), -side.lost);
      }
      if (side.places) pairs_.change(pair_of(index, symbol), side.gained);
    }
    queue_new(symbol);
  }

  static std::uint64_t pair_of(std::uint32_t index, std::uint32_t symbol) {
    return index % 2 == kBefore ? to_key(index / 2, symbol) : to_key(symbol, index / 2);
  }

  // Queues the new pairs, their places sorted apart, and forgets the round.
  void queue_new(std::uint32_t symbol) {
    std::uint32_t end = 0;
    for (const std::uint32_t index : touched_) {
      sides_[index].end = end;
      end += sides_[index].places;
    }
    places_.resize(end);
    for (const auto& [index, place] : found_) places_[sides_[index].end++] = place;
    for (const std::uint32_t index : touched_) {
      const Side& side = sides_[index];
      if (side.places) {
        pairs_.add(pair_of(index, symbol),
                   std::span(places_).subspan(side.end - side.places, side.places));
      }
      sides_[index] = {};
    }
    touched_.clear();
    found_.clear();
  }

  const BpeTrainerSpec& spec_;
  Symbols& symbols_;
  Row row_;
  Pairs pairs_;
  std::vector<std::size_t> lengths_;  // of symbols, in characters
  std::vector<Side> sides_;           // by neighbour and direction
  std::vector<std::uint32_t> touched_, places_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> found_;  // side and place of a new pair
};

}  // namespace

BpeTraining train_bpe(const BpeTrainerSpec& spec, std::span<const WordCount> words, bool bytes,
                      const Progress& progress) {
  check(!words.empty(), "train", "the texts have no words");
  Symbols symbols;
  const SymbolWords spelled = spell_words(spec, words, bytes, symbols);
  check(symbols.size() <= spec.vocab_size, "train", "vocab_size is ", spec.vocab_size,
        ", expected at least ", symbols.size(), ": the special tokens and the characters of the ",
        "text; raise it, or set limit_alphabet");
  return Trainer(spec, spelled, symbols).run(progress);
}

}  // namespace quatrain::tokenizer
