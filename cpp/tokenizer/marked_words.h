// The way from text to ids, for ids alone, where words begin with the mark of a space (U+2581): a
// charsmap, runs of spaces made one, and a word for each (the forms of T5 and XLM-R); or no words,
// but a model by which a text falls into parts all the same (the forms of Llama 2 and Gemma 2).
//
// The text is cut before it is normalized: at spaces, and between characters that no token has side
// by side. Two that are known to be normalized each for itself can be judged as they stand.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/cached_words.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/model.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/spec.h"
#include "tokenizer/stop_table.h"

namespace quatrain::tokenizer {

class MarkedWords {
 public:
  static constexpr std::string_view kMark = "\u2581";

  // None if the steps are others.
  static std::optional<MarkedWords> make(const std::vector<NormalizerSpec>& normalizers,
                                         const PreTokenizer& pre_tokenizer, const Model& model);

  // Appends the ids of a text without added tokens. `is_first`: no other stands before it. Memory
  // can be read up to `readable`.
  void read(std::string_view text, bool is_first, const char* readable, Workspace& workspace,
            IdBuffer& out) const;

 private:
  class Reader;
  // What is done to a text, if to mark its spaces is all there is.
  struct Steps {
    const Charsmap* charsmap = nullptr;
    bool joins_spaces = false;  // runs of them become one
    bool prepends = false;      // a mark goes before the text whatever it begins with
    bool replaces = false;      // spaces become marks
    SpaceMarks marks;
    bool marks_spaces() const { return replaces || marks.replaces; }
    static std::optional<Steps> read(const std::vector<NormalizerSpec>& normalizers,
                                     const PreTokenizer& pre_tokenizer);
  };
  // The first and the last character of what stands for a character once the text is normalized; 0
  // if that depends on what is beside it. A space for a mark.
  struct Edges {
    char32_t first = 0, last = 0;
    bool are_one = false;
  };
  // The same, with the token of a part that has this character alone.
  struct Character {
    char16_t first = 0, last = 0;
    std::uint32_t alone = kKeyed;
  };
  // In place of a token: those of its bytes, or those that the cache has.
  static constexpr std::uint32_t kBytes = UINT32_MAX - 1, kKeyed = UINT32_MAX;
  static constexpr char32_t kTable = 0x10000;

  MarkedWords(const std::vector<NormalizerSpec>& normalizers, const PreTokenizer& pre_tokenizer,
              const Model& model, const Steps& steps);
  std::string form(char32_t c) const;
  Edges edges(char32_t c) const;
  void find_tokens();
  // Whether a word or a part ends between the characters that the edges belong to.
  bool cuts(char32_t left, char32_t right) const {
    if (left == 0 || right == 0) return false;
    if (steps_.marks.splits && (left == ' ' || right == ' ')) {
      return right == ' ' && !(left == ' ' && joins_spaces());
    }
    return boundaries_ && !boundaries_->may_join(left, right);
  }
  // Whether a run of spaces is as good as one.
  bool joins_spaces() const { return steps_.joins_spaces || steps_.marks.drops_spaces; }

  const std::vector<NormalizerSpec>& normalizers_;
  const PreTokenizer& pre_tokenizer_;
  const Model& model_;
  const Boundaries* boundaries_;  // if null, words are not cut
  Steps steps_;
  std::vector<Character> characters_;  // those below kTable
  // Of characters that no token has beside another, the token of each; or kBytes. Else kKeyed.
  std::vector<std::uint32_t> apart_;
  // ASCII characters that do not depend on what is beside them, by the first byte.
  std::array<bool, 256> is_plain_{};
  // Those of them that stay as they are, and are no spaces.
  std::array<bool, 256> is_kept_{};
  StopTable stops_;  // where a word ends or a character is not plain
};

}  // namespace quatrain::tokenizer
