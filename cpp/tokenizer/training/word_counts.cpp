#include "tokenizer/training/word_counts.h"

#include <algorithm>

#include "core/check.h"
#include "core/parallel.h"
#include "tokenizer/hash.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/text.h"

namespace quatrain::tokenizer {
namespace {

// A thread's own table is emptied into the shards before it outgrows the cache.
constexpr std::size_t kOwnWords = 1 << 15;
constexpr std::uint64_t kOrderKey = 0;  // by which words are in the same order in every process

bool ends_in_bytes(const std::vector<PreTokenizerSpec>& steps) {
  const auto is_byte_level = [](const PreTokenizerSpec& step) {
    return step.kind == PreTokenizerSpec::Kind::kByteLevel;
  };
  return !steps.empty() && is_byte_level(steps.back()) &&
         std::count_if(steps.begin(), steps.end(), is_byte_level) == 1;
}

}  // namespace

void WordTable::add(std::string_view word, std::uint64_t hash, std::uint64_t count) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  for (; slots_[i]; i = (i + 1) & mask) {
    Entry& entry = entries_[slots_[i] - 1];
    if (entry.hash == hash && this->word(entry) == word) {
      entry.count += count;
      return;
    }
  }
  entries_.push_back({hash, bytes_.size(), count, static_cast<std::uint32_t>(word.size())});
  bytes_.append(word);
  slots_[i] = static_cast<std::uint32_t>(entries_.size());
  if (entries_.size() * 2 > slots_.size()) grow();
}

void WordTable::clear() {
  bytes_.clear();
  entries_.clear();
  std::fill(slots_.begin(), slots_.end(), 0);
}

void WordTable::grow() {
  slots_.assign(slots_.size() * 2, 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = 0; at < entries_.size(); ++at) {
    std::size_t i = entries_[at].hash & mask;
    while (slots_[i]) i = (i + 1) & mask;
    slots_[i] = static_cast<std::uint32_t>(at + 1);
  }
}

// Buffers of one thread.
struct WordCounter::Scratch {
  Source source;
  Text text;
  std::vector<Piece> pieces;
  WordTable own;
};

WordCounter::WordCounter(std::vector<NormalizerSpec> normalizers,
                         std::vector<PreTokenizerSpec> steps)
    : normalizers_(std::move(normalizers)),
      has_bytes_(ends_in_bytes(steps)),
      pre_tokenizer_(std::move(steps), has_bytes_) {}

WordCounter::~WordCounter() = default;

std::unique_ptr<WordCounter::Scratch> WordCounter::lease() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Scratch>();
  auto scratch = std::move(idle_.back());
  idle_.pop_back();
  return scratch;
}

void WordCounter::read(std::string_view text, Scratch& scratch) const {
  check(text.size() < UINT32_MAX, "train", "a text has ", text.size(),
        " bytes, expected less than 4 GiB");
  scratch.source.assign(text);
  scratch.text.assign(scratch.source, 0, text.size());
  normalize(normalizers_, scratch.text);
  pre_tokenizer_.split(scratch.text, scratch.pieces);
  for (const Piece& piece : scratch.pieces) {
    const std::string_view word = scratch.text.view(piece);
    scratch.own.add(word, hash_bytes(word), 1);
  }
}

void WordCounter::flush(Scratch& scratch) {
  for (const WordTable::Entry& entry : scratch.own.entries()) {
    Shard& shard = shards_[entry.hash >> 58];
    const std::lock_guard lock(shard.mutex);
    shard.table.add(scratch.own.word(entry), entry.hash, entry.count);
  }
  scratch.own.clear();
}

void WordCounter::add(std::span<const std::string_view> texts, int threads) {
  parallel_for(threads, std::ssize(texts), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    auto scratch = lease();
    for (auto i = begin; i < end; ++i) {
      read(texts[static_cast<std::size_t>(i)], *scratch);
      if (scratch->own.entries().size() > kOwnWords) flush(*scratch);
    }
    flush(*scratch);
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(scratch));
  });
}

std::vector<WordCount> WordCounter::words() const {
  struct Found {
    std::uint64_t hash;
    WordCount word;
  };
  std::vector<Found> found;
  for (const Shard& shard : shards_) {
    for (const WordTable::Entry& entry : shard.table.entries()) {
      const std::string_view word = shard.table.word(entry);
      found.push_back({hash_bytes(word, kOrderKey), {word, entry.count}});
    }
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.word.word < b.word.word;
  });
  std::vector<WordCount> words;
  words.reserve(found.size());
  for (const Found& each : found) words.push_back(each.word);
  return words;
}

}  // namespace quatrain::tokenizer
