// BERT's whole way from text to ids in one pass over the bytes: BertNormalizer, BertPreTokenizer
// and WordPiece, for ids alone.
//
// Nothing that normalization does reaches across a space or a punctuation mark, so the text is cut
// at these before it is normalized, and the ids of a word are looked up by its bytes as they stand.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/id_buffer.h"
#include "tokenizer/id_cache.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/spec.h"
#include "tokenizer/wordpiece.h"

namespace quatrain::tokenizer {

class BertWords {
 public:
  // None if the steps are others.
  static std::optional<BertWords> make(const std::vector<NormalizerSpec>& normalizers,
                                       const PreTokenizer& pre_tokenizer, const Model& model);

  // Appends the ids of a text without added tokens. Memory can be read up to `readable`.
  void read(std::string_view text, const char* readable, IdCache& cache, IdBuffer& out) const;

 private:
  enum class Kind : std::uint8_t {
    kPlain,   // stays as it is, but for the case of ASCII letters
    kSpace,   // ends a word
    kAlone,   // is a word
    kEdited,  // normalization does more to it
    kWide     // the first byte of a character that is not ASCII
  };
  struct Word {
    std::string_view bytes;
    IdCache::Key key;  // size 0 if it is not to be cached
    bool is_plain;
  };

  BertWords(const std::vector<NormalizerSpec>& normalizers, const PreTokenizer& pre_tokenizer,
            const WordPiece& model);
  Kind kind(char32_t c) const;
  const char* read_words(std::string_view text, const char* stop, const char* readable,
                         IdCache& cache, IdBuffer& out) const;
  // The end of the word that begins at `at`, which is `at` itself if a space does.
  const char* word_end(const char* at, const char* end, const char* readable, bool& is_plain) const;
  void append_ids(const Word& word, IdCache& cache, IdBuffer& out) const;
  // Returns whether the word was one to the pre-tokenizer, too.
  bool compute(const Word& word, IdBuffer& out) const;

  const std::vector<NormalizerSpec>& normalizers_;
  const PreTokenizer& pre_tokenizer_;
  const WordPiece& model_;
  bool lowers_ = false;
  std::uint16_t edited_ = 0, alone_;  // classes of characters
  std::array<Kind, 256> kinds_;       // by the first byte
};

}  // namespace quatrain::tokenizer
