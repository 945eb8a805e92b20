// BERT's whole way from text to ids in one pass over the bytes: BertNormalizer, BertPreTokenizer
// and WordPiece, for ids alone.
//
// Nothing that normalization does reaches across a space or a punctuation mark, so the text is cut
// at these before it is normalized, and the ids of a word are looked up by its bytes as they stand.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/cached_words.h"
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
  void read(std::string_view text, const char* readable, Workspace& workspace, IdBuffer& out) const;

 private:
  class Reader;
  enum class Kind : std::uint8_t {
    kPlain,
    kSpace,   // ends a word
    kAlone,   // is a word
    kEdited,  // normalization does more to it
    kWide     // the first byte of a character that is not ASCII
  };

  BertWords(const std::vector<NormalizerSpec>& normalizers, const PreTokenizer& pre_tokenizer,
            const WordPiece& model);
  Kind kind(char32_t c) const;

  const std::vector<NormalizerSpec>& normalizers_;
  const PreTokenizer& pre_tokenizer_;
  const WordPiece& model_;
  bool lowers_ = false;
  std::uint16_t edited_ = 0, alone_;  // classes of characters
  std::array<Kind, 256> kinds_;       // by the first byte
  // The ids of characters of three bytes that are words.
  static constexpr char32_t kFirstWide = 0x800, kEndWide = 0x10000;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::vector<std::uint32_t> alone_ids_ = std::vector(kEndWide, kNone);
};

}  // namespace quatrain::tokenizer
