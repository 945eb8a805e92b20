#include "tokenizer/bert_words.h"

#include <string>

#include "tokenizer/bytes.h"
#include "tokenizer/normalizer.h"
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
  for (char32_t c = kFirstWide; c < alone_ids_.size(); ++c) {
    if (!unicode::is_character(c) || kind(c) != Kind::kAlone) continue;
    std::string word;
    unicode::append(word, c);
    IdBuffer ids;
    model.append_ids(word, ids);
    alone_ids_[c] = ids.ids()[0];
  }
}

BertWords::Kind BertWords::kind(char32_t c) const {
  const std::uint16_t classes = unicode::class_table()[c];
  if (classes & edited_) return Kind::kEdited;
  if (classes & Class::kSpace) return Kind::kSpace;
  return classes & alone_ ? Kind::kAlone : Kind::kPlain;
}

// One text on its way. A plain word stays as it is, but for the case of ASCII letters.
class BertWords::Reader {
 public:
  Reader(const BertWords& rule, std::string_view text, const char* readable, Workspace& workspace,
         IdBuffer& out)
      : rule_(rule),
        end_(text.data() + text.size()),
        readable_(readable),
        cache_(workspace.id_cache),
        out_(out) {}

  const char* find(const char* at, RawWord& word) const {
    const char* stop = word_end(at, word.is_plain);
    word.bytes = {at, stop};
    if (stop == at) return at + unicode::length(*at);
    word.is_alone = alone_id(at) != kNone;
    if (!word.is_alone) word.look_ahead(cache_, readable_);
    return stop;
  }

  void append(const RawWord& word) {
    if (word.is_alone) return out_.push(alone_id(word.bytes.data()));
    if (append_cached(cache_, word, out_)) return;
    const std::size_t first = out_.size();
    const bool is_one = append_new(word);
    if (is_one && !word.key.is_none()) cache_.insert(word.key, word.bytes, out_.ids(first));
  }

  const char* append_run(const char* at) {
    for (; at < end_; at += 3) {
      const std::uint32_t id = alone_id(at);
      if (id == kNone) break;
      out_.push(id);
    }
    return at;
  }

 private:
  // The id of the character at `at` if it has three bytes and is a word, else kNone.
  std::uint32_t alone_id(const char* at) const {
    if ((*at & 0xF0) != 0xE0) return kNone;
    std::size_t size = 0;
    return rule_.alone_ids_[unicode::decode({at, end_}, size)];
  }

  // The end of the word at `at`, or `at` if there is a space.
  const char* word_end(const char* at, bool& is_plain) const {
    const char* begin = at;
    is_plain = true;
    while (at < end_) {
      at = skip<'a', 'z', 0x20>(at, end_, readable_);
      if (at == end_) break;
      Kind kind = rule_.kinds_[static_cast<unsigned char>(*at)];
      std::size_t size = 1;
      if (kind == Kind::kWide) {
        size = 0;
        kind = rule_.kind(unicode::decode(std::string_view(at, end_), size));
      }
      if (kind == Kind::kSpace) return at;
      if (kind == Kind::kAlone) return at == begin ? at + size : at;
      if (kind == Kind::kEdited) is_plain = false;
      at += size;
    }
    return at;
  }

  // Appends the ids of a word; whether it is one pre-token at most.
  bool append_new(const RawWord& word) {
    if (word.is_plain) {
      std::string lowered(word.bytes);
      if (rule_.lowers_) {
        for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      }
      rule_.model_.append_ids(lowered, out_);
      return true;
    }
    Source source;
    source.assign(word.bytes);
    Text text;
    text.assign(source, 0, word.bytes.size());
    normalize(rule_.normalizers_, text);
    std::vector<Piece> pieces;
    rule_.pre_tokenizer_.split(text, pieces);
    for (const Piece& piece : pieces) rule_.model_.append_ids(text.view(piece), out_);
    return pieces.size() <= 1;
  }

  const BertWords& rule_;
  const char* end_;
  const char* readable_;
  IdCache& cache_;
  IdBuffer& out_;
};

void BertWords::read(std::string_view text, const char* readable, Workspace& workspace,
                     IdBuffer& out) const {
  Reader reader(*this, text, readable, workspace, out);
  read_words(reader, text);
}

}  // namespace quatrain::tokenizer
