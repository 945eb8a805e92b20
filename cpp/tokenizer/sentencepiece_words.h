// The way from text to ids, for ids alone, of a SentencePiece model that does as its own library
// does. There, a text is one word; yet it falls into parts where no piece reaches across, and no
// rule of the charsmap either, and a part that was read before need not be normalized again.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/model.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/sentencepiece_normalizer.h"
#include "tokenizer/spec.h"
#include "tokenizer/stop_table.h"

namespace quatrain::tokenizer {

class SentencePieceWords {
 public:
  // None if the steps are others, or pieces are user-defined.
  static std::optional<SentencePieceWords> make(const std::vector<NormalizerSpec>& normalizers,
                                                const std::vector<PreTokenizerSpec>& pre_tokenizers,
                                                const Model& model);

  // Appends the ids of a text without added tokens, if its end allows to; whether it does. Memory
  // can be read up to `readable`.
  bool read(std::string_view text, const char* readable, Workspace& workspace, IdBuffer& out) const;

 private:
  class Reader;
  // The first and the last character of what a rule makes of a character, or of itself; 0 if that
  // depends on what is before it, or has a space or a mark that is not all of it. A space for a
  // mark.
  struct Edges {
    char32_t first = 0, last = 0;
    bool are_one = false;
  };
  // The same, with the token of a character that no piece has beside another.
  struct Character {
    char16_t first = 0, last = 0;
    std::uint32_t alone = kKeyed;
  };
  // In place of a token: those of its bytes, or those that the cache has.
  static constexpr std::uint32_t kBytes = UINT32_MAX - 1, kKeyed = UINT32_MAX;
  static constexpr char32_t kTable = 0x10000;

  SentencePieceWords(const SentencePieceNormalizer& normalizer,
                     const std::vector<char32_t>& inner_characters, const Model& model);
  Edges edges(char32_t c) const;
  void find_tokens();
  // Whether a part ends between the characters that the edges belong to.
  bool cuts(char32_t left, char32_t right) const {
    if (left == 0 || right == 0 || (left == ' ' && right == ' ' && joins_spaces_)) return false;
    return !boundaries_.may_join(left, right);
  }

  const SentencePieceNormalizer& normalizer_;
  const std::vector<char32_t>& inner_characters_;  // of the charsmap
  const Model& model_;
  const Boundaries& boundaries_;
  bool joins_spaces_;                  // and drops those at both ends of a text
  std::vector<Character> characters_;  // those below kTable
  // Whether no character that begins with the byte depends on what is before it.
  std::array<bool, 256> is_plain_{};
  StopTable stops_;  // of ASCII: where a part ends or a character is not plain
};

}  // namespace quatrain::tokenizer
