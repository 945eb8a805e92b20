// The pipeline: added tokens, normalizer, pre-tokenizer, model, post-processor; and back.
#pragma once
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bert_words.h"
#include "tokenizer/cuts.h"
#include "tokenizer/decoder.h"
#include "tokenizer/encoding.h"
#include "tokenizer/id_buffer.h"
#include "tokenizer/marked_words.h"
#include "tokenizer/model.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/sentencepiece_words.h"
#include "tokenizer/spec.h"
#include "tokenizer/special.h"
#include "tokenizer/transcode.h"

namespace quatrain::tokenizer {

struct Input {
  std::string_view text;  // UTF-8
  std::optional<std::string_view> pair;
  // The byte ranges of `text` in which the call's rule for special tokens holds; absent: all of it.
  std::optional<std::span<const Piece>> within;
};

// Text i has ids [offsets[i], offsets[i + 1]).
struct RaggedIds {
  IdBuffer ids;
  std::vector<std::int64_t> offsets;
};

// Word caches kept for the next calls, and the memory that each takes at most.
struct CacheInfo {
  std::size_t caches, bytes;
};

// Immutable once built: any number of threads may use one.
class Tokenizer {
 public:
  explicit Tokenizer(const TokenizerSpec& spec);
  ~Tokenizer();

  Encoding encode(const Input& input, bool add_special_tokens, const LengthSpec& lengths,
                  const SpecialRule& rule) const;
  // Padded as one batch. Texts are shared out over `threads` threads.
  std::vector<Encoding> encode_batch(std::span<const Input> inputs, bool add_special_tokens,
                                     const LengthSpec& lengths, const SpecialRule& rule,
                                     int threads) const;
  // The ids of one text, as encode gives them but for padding, appended.
  void append_ids(const Characters& text, bool add_special_tokens, const LengthSpec& lengths,
                  const SpecialRule& rule, IdBuffer& out) const;
  std::size_t count(const Characters& text, bool add_special_tokens, const LengthSpec& lengths,
                    const SpecialRule& rule) const;
  // The ids of many, end to end. Texts are shared out over `threads` threads.
  RaggedIds ids(std::span<const Characters> texts, bool add_special_tokens,
                const LengthSpec& lengths, const SpecialRule& rule, int threads) const;
  // What truncation cuts off: the further windows, and for a pair every combination of them, each
  // padded as if it were in a batch in which encodings have `padded` tokens.
  std::vector<Encoding> overflow(const Input& input, bool add_special_tokens,
                                 const LengthSpec& lengths, const SpecialRule& rule,
                                 std::size_t padded) const;
  // The special tokens that stand before and behind a text.
  using Ids = std::vector<std::uint32_t>;
  std::pair<Ids, Ids> frame() const;
  CutRule cuts() const { return cuts_; }
  // Refuses the special tokens, but for some.
  // `control`: further tokens, added ones or the model's, to be treated as special ones.
  SpecialRule special_rule(bool raises, std::span<const std::uint32_t> allowed,
                           std::span<const std::uint32_t> control) const;

  CacheInfo cache_info() const;

  std::string decode(std::span<const std::int64_t> ids, bool skip_special_tokens) const;
  // Appends what one more token makes certain. A skipped special token leaves no trace.
  void decode_next(Decoder::State& state, std::int64_t id, bool skip_special_tokens,
                   std::string& out) const;
  const Decoder& decoder() const { return decoder_; }

  bool has(std::int64_t id) const;
  std::string_view token(std::uint32_t id) const;  // has(id)
  std::optional<std::uint32_t> find(std::string_view token) const;
  std::size_t size() const { return size_; }
  std::uint32_t end_id() const { return end_id_; }
  const AddedTokens& added_tokens() const { return added_; }
  // The text of every token of an encoding.
  std::vector<std::string_view> tokens(const Encoding& encoding) const;

 private:
  struct Scratch;
  class Lease;  // of a Scratch, for the length of one call

  Encoding encode_one(const Input& input, bool add_special_tokens, const LengthSpec& lengths,
                      const SpecialRule& rule, Scratch& scratch) const;
  void append_ids(std::string_view text, bool add_special_tokens, const LengthSpec& lengths,
                  const SpecialRule& rule, Scratch& scratch, IdBuffer& out) const;
  // The ids of a text alone, at speed where the pipeline allows it.
  void read_ids(std::string_view text, const SpecialRule& rule, Scratch& scratch,
                IdBuffer& out) const;
  void read_long_ids(std::string_view text, const SpecialRule& rule, Scratch& scratch,
                     IdBuffer& out) const;
  void read_part_ids(std::string_view part, const char* readable, Scratch& scratch,
                     IdBuffer& out) const;
  // The tokens of both texts.
  void read(const Input& input, const SpecialRule& rule, Scratch& scratch) const;
  // How many of them may stay.
  std::array<std::size_t, 2> fit(const Input& input, bool add_special_tokens,
                                 const TruncationSpec& spec, const Scratch& scratch) const;
  void read(std::string_view text, const SpecialRule& rule,
            std::optional<std::span<const Piece>> within, Scratch& scratch, Sequence& out) const;
  void read_words(Text& text, const SpecialGuard& guard, Scratch& scratch, std::uint32_t& word,
                  Sequence& out) const;
  // The tokens of a word as if the vocabulary lacked the barred ones where the guard covers the
  // text; those that stand wholly beside it stay.
  void read_again(const Text& text, Piece word, const SpecialGuard& guard, Scratch& scratch) const;
  void pad_all(const LengthSpec& lengths, std::span<Encoding> batch) const;

  std::vector<NormalizerSpec> normalizers_;
  PreTokenizer pre_tokenizer_;
  std::unique_ptr<Model> model_;
  // What reads ids alone at speed, if these are the steps.
  std::optional<BertWords> bert_words_;
  std::optional<MarkedWords> marked_words_;
  std::optional<SentencePieceWords> sentencepiece_words_;
  AddedTokens added_;
  std::size_t size_;
  std::uint32_t end_id_;
  PostProcessor post_processor_;
  Decoder decoder_;
  CutRule cuts_;

  // Idle scratch memory; its word caches stay warm from call to call.
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace quatrain::tokenizer
