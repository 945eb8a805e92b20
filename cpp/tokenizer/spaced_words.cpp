#include "tokenizer/spaced_words.h"

#include <algorithm>
#include <string>
#include <utility>

#include "tokenizer/normalizer.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;

// Whether every match is a run of spaces, which one space replaces.
bool joins_spaces(const NormalizerSpec& spec) {
  return spec.kind == NormalizerSpec::Kind::kReplace && spec.content == " " &&
         spec.pattern.kind == PatternSpec::Kind::kRun && spec.pattern.classes == 0 &&
         spec.pattern.ranges == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{' ', ' '}};
}

}  // namespace

std::optional<SpacedWords> SpacedWords::make(const std::vector<NormalizerSpec>& normalizers,
                                             const PreTokenizer& pre_tokenizer,
                                             const Model& model) {
  if (!pre_tokenizer.marks_words()) return std::nullopt;
  auto spec = normalizers.begin();
  const Charsmap* charsmap = nullptr;
  if (spec != normalizers.end() && spec->kind == NormalizerSpec::Kind::kPrecompiled) {
    charsmap = (spec++)->charsmap.get();
  }
  if (spec != normalizers.end() && joins_spaces(*spec)) ++spec;
  if (spec != normalizers.end()) return std::nullopt;
  return SpacedWords(normalizers, charsmap, pre_tokenizer, model);
}

SpacedWords::SpacedWords(const std::vector<NormalizerSpec>& normalizers, const Charsmap* charsmap,
                         const PreTokenizer& pre_tokenizer, const Model& model)
    : normalizers_(normalizers), pre_tokenizer_(pre_tokenizer), model_(model) {
  const auto& table = unicode::class_table();
  kinds_.fill(Kind::kOther);
  for (char32_t c = 0; c < kMayPrepend; ++c) {
    std::string text;
    unicode::append(text, c);
    Charsmap::Rule rule;
    if (charsmap) rule = charsmap->shortest(text);
    const std::string_view now = rule.size > 0 ? rule.replacement : std::string_view(text);
    const bool is_graphic = c > ' ' && c < 0x7F;
    ends_[c] = (is_graphic || table[c] & Class::kLetter) && !now.empty() && now.back() != ' ';
    if (now == " " && c < 0x80) {
      kinds_[c] = Kind::kSpace;
    } else if (is_graphic && !(charsmap && charsmap->has_rule(text[0]))) {
      kinds_[c] = Kind::kPlain;
    }
  }
}

// Whether the space at `at` is one for certain, and the character before it in the word that
// begins at `begin` stays one that is none.
bool SpacedWords::begins_word(const char* begin, const char* at, const char* end) const {
  if (at + 1 < end && static_cast<signed char>(at[1]) < 0) return false;
  const std::string_view before(begin, at);
  std::size_t i = before.size();
  const char32_t last = unicode::decode_before(before, i);
  if (last >= kMayPrepend || !ends_[last]) return false;
  return i == 0 || unicode::decode_before(before, i) < kMayPrepend;
}

const char* SpacedWords::word_end(const char* at, const char* end, const char*,
                                  bool& is_plain) const {
  const auto kind = [&](const char* byte) { return kinds_[static_cast<unsigned char>(*byte)]; };
  const char* begin = at;
  is_plain = kind(at) == Kind::kPlain || (kind(at) == Kind::kSpace && at + 1 < end);
  for (++at; at < end; ++at) {
    while (at < end && kind(at) == Kind::kPlain) ++at;
    if (at == end || (kind(at) == Kind::kSpace && begins_word(begin, at, end))) break;
    is_plain = false;
  }
  return at;
}

bool SpacedWords::compute(const RawWord& word, Workspace& workspace, IdBuffer& out) const {
  std::vector<Token> tokens;
  if (word.is_plain) {
    std::string marked = "\u2581";
    marked += word.bytes.substr(kinds_[static_cast<unsigned char>(word.bytes[0])] == Kind::kSpace);
    model_.tokenize_anew(marked, workspace, tokens);
    for (const Token& token : tokens) out.push(token.id);
    return true;
  }
  Source source;
  source.assign(word.bytes);
  Text text;
  text.assign(source, 0, word.bytes.size());
  normalize(normalizers_, text);
  std::vector<Piece> pieces;
  pre_tokenizer_.split(text, pieces);
  for (const Piece& piece : pieces) {
    model_.tokenize(text.view(piece), workspace, tokens);
  }
  for (const Token& token : tokens) out.push(token.id);
  return pieces.size() <= 1;
}

}  // namespace quatrain::tokenizer
