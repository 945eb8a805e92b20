// A model cuts one word into tokens. Words are independent of each other, so answers are cached.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/boundaries.h"
#include "tokenizer/id_buffer.h"
#include "tokenizer/id_cache.h"
#include "tokenizer/spec.h"
#include "tokenizer/special.h"
#include "tokenizer/vocabulary.h"

namespace quatrain::tokenizer {

class ByteBpe;
class Unigram;
class WordPiece;

// Bytes [begin, end) of the word.
struct Token {
  std::uint32_t id, begin, end;
};

// Recently seen words and their tokens. Bounded: when full, it starts again from nothing.
class WordCache {
 public:
  static constexpr std::size_t kLongestWord = 64;

  // Whether the word is known; its tokens are appended.
  bool find(std::string_view word, std::uint64_t hash, std::vector<Token>& out) const;
  void insert(std::string_view word, std::uint64_t hash, std::span<const Token> tokens);

  static std::size_t bytes();  // of memory, at most

 private:
  static constexpr std::size_t kSlots = 1 << 16, kEntries = kSlots / 2, kBytes = 1 << 20,
                               kTokens = 1 << 18;
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t word = 0, tokens = 0;
    std::uint16_t word_size = 0, token_count = 0;  // a slot without tokens is free
  };
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  std::string words_;
  std::vector<Token> tokens_;
};

// Scratch memory of one thread.
struct Workspace {
  struct Symbol {
    std::uint32_t id, size;
    std::int32_t previous, next;
  };
  struct Merge {
    std::uint32_t rank, position, id;
  };
  // Unigram: the best way to a place of the word, by its last piece.
  struct Path {
    static constexpr std::uint32_t kUnreached = UINT32_MAX;
    double score = 0;
    std::uint32_t begin = kUnreached, id = 0;
  };
  // SentencePieceBpe: two symbols that may merge.
  struct Scored {
    std::int32_t score;
    std::uint32_t left, right, size;
  };
  WordCache cache;
  IdCache id_cache;  // where ids alone are asked for, and of a byte-level model
  IdBuffer ids;
  std::vector<Symbol> symbols;
  std::vector<Merge> merges;
  std::vector<Path> paths;
  std::vector<std::uint32_t> steps;
  std::vector<Scored> scored;
  std::vector<Token> tokens;
  std::string text;

  // The largest number of elements that there is memory for, but for the caches'.
  std::size_t capacity() const {
    return std::max({ids.capacity(), symbols.capacity(), merges.capacity(), paths.capacity(),
                     steps.capacity(), scored.capacity(), tokens.capacity(), text.capacity()});
  }
};

// Whether a set that need not be there has an id.
inline bool is_barred(const IdSet* barred, std::uint32_t id) { return barred && barred->has(id); }

class Model {
 public:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // The token that stands for any text, and is shown as that text; UINT32_MAX if none is.
  virtual std::uint32_t wildcard() const { return UINT32_MAX; }

  // Appends the tokens of a non-empty word.
  void tokenize(std::string_view word, Workspace& workspace, std::vector<Token>& out) const;
  // The same without the cache of words.
  void tokenize_anew(std::string_view word, Workspace& workspace, std::vector<Token>& out) const {
    compute(word, nullptr, workspace, out);
  }
  // As if the vocabulary had none of the barred tokens.
  void tokenize_without(const IdSet& barred, std::string_view word, Workspace& workspace,
                        std::vector<Token>& out) const {
    compute(word, &barred, workspace, out);
  }
  // The same at speed, for models of which it is possible, or null.
  virtual const ByteBpe* byte_bpe() const { return nullptr; }
  virtual const WordPiece* word_piece() const { return nullptr; }
  virtual const Unigram* unigram() const { return nullptr; }
  // The token of text that the vocabulary lacks.
  virtual std::optional<std::uint32_t> unknown() const = 0;
  // The tokens of bytes, if a character that the vocabulary lacks becomes those of its bytes.
  virtual const std::array<std::uint32_t, 256>* byte_ids() const { return nullptr; }

  // Where words may be cut into parts that have the same tokens alone, or null.
  const Boundaries* boundaries() const { return boundaries_ ? &*boundaries_ : nullptr; }
  // The token of which one that ends a part and one that begins the next are the same.
  std::uint32_t fused() const { return fused_; }
  // Whether, of a part that is not the first, only append_part() can say that it has the same
  // tokens; and that only up to so many bytes behind the begin of the word.
  virtual bool may_tie() const { return false; }
  static constexpr std::ptrdiff_t kLongestSure = 1 << 12;
  // Appends the ids of a part of a word, not empty, if the score of what is before it in the word
  // is as given; whether it has them. kAnyScore: whether it has them whatever is before it.
  virtual bool append_part(std::string_view part, double before, Workspace& workspace,
                           IdBuffer& out) const;
  static constexpr double kAnyScore = std::numeric_limits<double>::quiet_NaN();
  // The score of what has these ids and is behind what has that score; kAnyScore if the ids do not
  // tell.
  virtual double score(double, std::span<const std::uint32_t>) const { return kAnyScore; }

 protected:
  // `barred` may be null.
  virtual void compute(std::string_view word, const IdSet* barred, Workspace& workspace,
                       std::vector<Token>& out) const = 0;

  std::optional<Boundaries> boundaries_;
  std::uint32_t fused_ = UINT32_MAX;

 private:
  void tokenize_part(std::string_view part, Workspace& workspace, std::vector<Token>& out) const;

  Vocabulary vocabulary_;
};

// With `bytes`, words are raw bytes and the vocabulary spells them (byte_level.h).
std::unique_ptr<Model> make_model(const ModelSpec& spec, bool bytes);

}  // namespace quatrain::tokenizer
