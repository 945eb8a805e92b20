#include "tokenizer/bert_words.h"

#include <algorithm>
#include <string>

#include "tokenizer/normalizer.h"
#include "tokenizer/scan.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
using unicode::Class;

std::optional<BertWords> BertWords::make(const std::vector<NormalizerSpec>& normalizers,
                                         const PreTokenizer& pre_tokenizer, const Model& model) {
  const bool is_normalized =
      normalizers.size() == 1 && normalizers[0].kind == NormalizerSpec::Kind::kBert;
  if (!(normalizers.empty() || is_normalized)) return std::nullopt;
  if (!pre_tokenizer.is_bert() || !model.word_piece()) return std::nullopt;
  return BertWords(normalizers, pre_tokenizer, *model.word_piece());
}

BertWords::BertWords(const std::vector<NormalizerSpec>& normalizers,
                     const PreTokenizer& pre_tokenizer, const WordPiece& model)
    : normalizers_(normalizers),
      pre_tokenizer_(pre_tokenizer),
      model_(model),
      alone_(Class::kPunctuation) {
  for (const NormalizerSpec& spec : normalizers) {
    lowers_ = spec.lowercase;
    if (spec.clean_text) edited_ |= Class::kControl;
    if (spec.strip_accents) edited_ |= Class::kNonspacing | Class::kCanonical;
    if (spec.lowercase) edited_ |= Class::kUpper;
    if (spec.handle_chinese_chars) alone_ |= Class::kIdeograph;
  }
  kinds_.fill(Kind::kWide);
  for (char32_t c = 0; c < 0x80; ++c) {
    kinds_[c] = c >= 'A' && c <= 'Z' ? Kind::kPlain : kind(c);
  }
}

BertWords::Kind BertWords::kind(char32_t c) const {
  const std::uint16_t classes = unicode::class_table()[c];
  if (classes & edited_) return Kind::kEdited;
  if (classes & Class::kSpace) return Kind::kSpace;
  return classes & alone_ ? Kind::kAlone : Kind::kPlain;
}

const char* BertWords::word_end(const char* at, const char* end, const char* readable,
                                bool& is_plain) const {
  const char* begin = at;
  is_plain = true;
  while (at < end) {
    if (readable - at >= static_cast<std::ptrdiff_t>(kStep)) {
      const std::size_t letters = leading<'a', 'z', 0x20>(at);
      at += letters;
      if (letters == kStep) continue;
      if (at >= end) break;
    }
    Kind kind = kinds_[static_cast<unsigned char>(*at)];
    std::size_t size = 1;
    if (kind == Kind::kWide) {
      size = 0;
      kind = this->kind(unicode::decode(std::string_view(at, end), size));
    }
    if (kind == Kind::kSpace) return at;
    if (kind == Kind::kAlone) return at == begin ? at + size : at;
    if (kind == Kind::kEdited) is_plain = false;
    at += size;
  }
  return std::min(at, end);
}

bool BertWords::compute(const RawWord& word, Workspace&, IdBuffer& out) const {
  if (word.is_plain) {
    std::string lowered(word.bytes);
    if (lowers_) {
      for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }
    model_.append_ids(lowered, out);
    return true;
  }
  Source source;
  source.assign(word.bytes);
  Text text;
  text.assign(source, 0, word.bytes.size());
  normalize(normalizers_, text);
  std::vector<Piece> pieces;
  pre_tokenizer_.split(text, pieces);
  for (const Piece& piece : pieces) model_.append_ids(text.view(piece), out);
  return pieces.size() <= 1;
}

}  // namespace quatrain::tokenizer
