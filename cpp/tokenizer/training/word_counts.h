// The words of a text and how often each occurs: all that a trainer sees of it.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// Called now and then with what is done and what there is to do. What it throws ends the training.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

struct WordCount {
  std::string_view word;
  std::uint64_t count;
};

// Words and their counts, without order.
class WordTable {
 public:
  struct Entry {
    std::uint64_t hash, offset, count;
    std::uint32_t size;
  };

  WordTable() : slots_(1 << 10) {}
  void add(std::string_view word, std::uint64_t hash, std::uint64_t count);
  void clear();

  const std::vector<Entry>& entries() const { return entries_; }
  std::string_view word(const Entry& entry) const {
    return std::string_view(bytes_).substr(entry.offset, entry.size);
  }

 private:
  void grow();

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // index into entries_ + 1, or 0
};

// Normalizes and cuts texts as a tokenizer does, and counts the words.
class WordCounter {
 public:
  WordCounter(std::vector<NormalizerSpec> normalizers, std::vector<PreTokenizerSpec> steps);
  ~WordCounter();

  // Adds texts, which are valid UTF-8 and independent of each other, on at most `threads` threads.
  void add(std::span<const std::string_view> texts, int threads);

  // Whether words are raw bytes, which the vocabulary will spell (byte_level.h).
  bool has_bytes() const { return has_bytes_; }

  // All words, in an order that depends on nothing but them. Valid until the next `add`.
  std::vector<WordCount> words() const;

 private:
  struct Scratch;
  // A table apart for each value of some bits of the hash, so that threads seldom meet.
  struct Shard {
    std::mutex mutex;
    WordTable table;
  };

  void read(std::string_view text, Scratch& scratch) const;
  void flush(Scratch& scratch);
  std::unique_ptr<Scratch> lease();

  std::vector<NormalizerSpec> normalizers_;
  bool has_bytes_;
  PreTokenizer pre_tokenizer_;
  std::array<Shard, 64> shards_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace quatrain::tokenizer
