#include "tokenizer/sentencepiece_words.h"

#include <algorithm>
#include <string>

#include "tokenizer/bytes.h"
#include "tokenizer/cached_words.h"
#include "tokenizer/unicode.h"
#include "tokenizer/unigram.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::string_view kMark = "\u2581";

}  // namespace

// One text on its way.
class SentencePieceWords::Reader {
 public:
  Reader(const SentencePieceWords& rule, std::string_view text, const char* readable,
         Workspace& workspace, IdBuffer& out)
      : rule_(rule),
        unigram_(rule.model_.unigram()),
        text_(text.data()),
        end_(text.data() + text.size()),
        readable_(readable),
        stops_(rule.stops_, text.data()),
        workspace_(workspace),
        out_(out),
        first_(out.size()) {}

  // Leaves out the spaces around the text; whether what they are depends on nothing else.
  bool trim() {
    if (!rule_.joins_spaces_) return true;
    while (text_ < end_ && look(text_).first == ' ' && !is_bound(look(text_).end)) {
      text_ = look(text_).end;
    }
    while (text_ < end_) {
      std::size_t at = text().size();
      unicode::decode_before(text(), at);
      const char32_t last = look(text_ + at).last;
      if (last != ' ') return last != 0;
      end_ = text_ + at;
    }
    return true;
  }
  std::string_view text() const { return {text_, end_}; }

  const char* find(const char* at, RawWord& word) {
    const char* begin = at;
    Place first = look(begin);
    while (first.first == ' ' && rule_.joins_spaces_) {
      const Place next = look(first.end);  // a text does not end in a space
      if (next.first != ' ' || is_bound(next.end)) break;
      begin = first.end;
      first = next;
    }
    const char* stop = part_end(begin, first);
    word.is_part = begin != text_;
    word.bytes = {begin, stop};
    word.is_alone = word.is_part && !is_ascii(begin) && first.end == stop && first.alone != kKeyed;
    if (!word.is_alone) word.look_ahead(workspace_.id_cache, readable_);
    return stop;
  }

  void append(const RawWord& word) {
    const std::size_t size = out_.size();
    if (word.is_alone) return append_alone(look(word.bytes.data()), word.bytes.data());
    const bool may_stay = !unigram_ || Unigram::stays(sum_);
    if (!may_stay || !append_cached(workspace_.id_cache, word, out_)) {
      append_new(word);
    } else if (unigram_) {
      for (const std::uint32_t id : out_.ids(size)) sum_ = unigram_->add(sum_, id);
    }
    if (size == first_ || size == out_.size()) return;
    // An unknown part that goes on with one is the same token.
    const std::uint32_t* ids = out_.data();
    if (ids[size] == rule_.model_.fused() && ids[size - 1] == ids[size]) {
      out_.keep(size, size + 1, out_.size());
    }
  }

  const char* append_run(const char* at) {
    if (at == end_) return at;
    for (Place here = look(at); here.alone != kKeyed;) {
      const bool is_last = here.end == end_;
      const Place next = is_last ? here : look(here.end);
      if (next.first == 0) break;
      append_alone(here, at);
      at = here.end;
      if (is_last) break;
      here = next;
    }
    return at;
  }

 private:
  struct Place {
    char32_t first, last;
    std::uint32_t alone;
    const char* end;
  };

  Place look(const char* at) const {
    std::size_t size = 0;
    const char32_t c = unicode::decode({at, end_}, size);
    if (c >= kTable) {
      const Edges found = rule_.edges(c);
      return {found.first, found.last, kKeyed, at + size};
    }
    const Character& found = rule_.characters_[c];
    return {found.first, found.last, found.alone, at + size};
  }

  static bool is_ascii(const char* at) { return static_cast<signed char>(*at) >= 0; }
  bool is_plain(const char* at) const { return rule_.is_plain_[static_cast<unsigned char>(*at)]; }

  // Whether a rule may take the character at `at` together with the one before.
  bool is_bound(const char* at) const { return at < end_ && !is_plain(at) && look(at).first == 0; }

  bool cuts(const Place& left, const Place& right) const {
    return rule_.cuts(left.last, right.first) && !is_bound(right.end);
  }

  // The end of the part at `at`, where the first character stands.
  const char* part_end(const char* at, Place here) {
    if (is_ascii(at) && is_plain(at)) {
      const char* stop = stops_.next(at + 1, end_);
      if (stop == end_ || (is_ascii(stop) && is_plain(stop) && !is_bound(stop + 1))) return stop;
      if (stop - 1 > at) here = look(stop - 1);
    }
    while (here.end < end_) {
      const Place next = look(here.end);
      if (cuts(here, next)) return here.end;
      here = next;
    }
    return end_;
  }

  void append_alone(const Place& here, const char* at) {
    if (here.alone == kBytes) {
      for (; at < here.end; ++at) {
        out_.push((*rule_.model_.byte_ids())[static_cast<unsigned char>(*at)]);
      }
      return;
    }
    const std::uint32_t fused = rule_.model_.fused();
    if (here.alone != fused || out_.size() == first_ || out_.ids().back() != fused) {
      out_.push(here.alone);
    }
    if (unigram_) sum_ = unigram_->add(sum_, here.alone);
  }

  void append_new(const RawWord& word) {
    const bool has_prefix = !word.is_part && rule_.normalizer_.options().add_dummy_prefix;
    std::string& text = workspace_.text;
    text.assign(kMark, 0, has_prefix ? kMark.size() : 0);
    rule_.normalizer_.append(word.bytes, !word.is_part && rule_.joins_spaces_, text);
    if (text.empty()) return;
    const std::size_t size = out_.size();
    const bool is_sure = unigram_ ? unigram_->append_next(text, sum_, workspace_, out_)
                                  : rule_.model_.append_part(text, 0, workspace_, out_);
    if (is_sure && !word.key.is_none()) {
      workspace_.id_cache.insert(word.key, word.bytes, out_.ids(size));
    }
  }

  const SentencePieceWords& rule_;
  const Unigram* unigram_;
  const char* text_;
  const char* end_;
  const char* readable_;
  Stops stops_;
  Workspace& workspace_;
  IdBuffer& out_;
  std::size_t first_;  // of the text's ids
  float sum_ = 0;      // of the scores so far
};

std::optional<SentencePieceWords> SentencePieceWords::make(
    const std::vector<NormalizerSpec>& normalizers,
    const std::vector<PreTokenizerSpec>& pre_tokenizers, const Model& model) {
  static const std::vector<char32_t> kNoCharacters;
  if (normalizers.size() != 1 || !normalizers[0].sentencepiece || !pre_tokenizers.empty()) {
    return std::nullopt;
  }
  const SentencePieceNormalizer& normalizer = *normalizers[0].sentencepiece;
  const SentencePieceNormalizer::Options& options = normalizer.options();
  const auto* inner =
      normalizer.charsmap() ? normalizer.charsmap()->inner_characters() : &kNoCharacters;
  const bool is_such = options.user_defined.empty() && options.escape_whitespaces &&
                       !options.whitespace_as_suffix && inner && model.boundaries();
  if (!is_such) return std::nullopt;
  return SentencePieceWords(normalizer, *inner, model);
}

SentencePieceWords::SentencePieceWords(const SentencePieceNormalizer& normalizer,
                                       const std::vector<char32_t>& inner_characters,
                                       const Model& model)
    : normalizer_(normalizer),
      inner_characters_(inner_characters),
      model_(model),
      boundaries_(*model.boundaries()),
      joins_spaces_(normalizer.options().remove_extra_whitespaces) {
  characters_.resize(kTable);
  for (char32_t c = 0; c < kTable; ++c) {
    const Edges found = edges(c);
    if (std::max(found.first, found.last) >= kTable) continue;
    characters_[c].first = static_cast<char16_t>(found.first);
    characters_[c].last = static_cast<char16_t>(found.last);
    if (found.are_one && found.first != ' ') characters_[c].alone = kBytes;
  }
  find_tokens();
  std::string text;
  std::fill_n(is_plain_.begin(), 0xF0, true);
  for (char32_t c = 0; c < kTable; ++c) {
    if (characters_[c].first > 0 || !unicode::is_character(c)) continue;
    text.clear();
    unicode::append(text, c);
    is_plain_[static_cast<unsigned char>(text[0])] = false;
  }
  for (unsigned char left = 0; left < 128; ++left) {
    for (unsigned char right = 0; right < 128; ++right) {
      const bool are_plain = is_plain_[left] && is_plain_[right];
      const bool is_cut = cuts(characters_[left].last, characters_[right].first);
      stops_.set(left, right, is_cut || !are_plain);
    }
  }
}

// Finds the tokens of characters that are parts by themselves whatever is beside them.
void SentencePieceWords::find_tokens() {
  const std::vector<std::uint32_t> ids = model_.vocabulary().character_ids();
  Workspace workspace;
  IdBuffer found;
  std::string text;
  for (char32_t c = 0; c < kTable; ++c) {
    Character& character = characters_[c];
    if (character.alone == kKeyed) continue;
    if (boundaries_.may_join(character.first)) {
      character.alone = kKeyed;
    } else if (ids[character.first] != UINT32_MAX) {  // whose token may be for no text
      text.clear();
      unicode::append(text, character.first);
      found.shorten(0);
      model_.append_part(text, 0, workspace, found);
      character.alone = found.size() == 1 ? found.ids()[0] : kKeyed;
    } else if (!model_.byte_ids()) {
      character.alone = *model_.unknown();
    } else if (character.first != c) {
      character.alone = kKeyed;
    }
  }
}

SentencePieceWords::Edges SentencePieceWords::edges(char32_t c) const {
  if (!unicode::is_character(c) ||
      std::binary_search(inner_characters_.begin(), inner_characters_.end(), c))
    return {};
  std::string text;
  unicode::append(text, c);
  const std::string_view now = normalizer_.rule(text).replacement;
  if (now.empty()) return {};
  std::size_t begin = 0, end = now.size();
  Edges found{unicode::decode(now, begin), unicode::decode_before(now, end)};
  found.are_one = begin == now.size();
  const bool has_space = now.find(' ') != now.npos || now.find(kMark) != now.npos;
  return has_space && now != " " ? Edges() : found;
}

bool SentencePieceWords::read(std::string_view text, const char* readable, Workspace& workspace,
                              IdBuffer& out) const {
  Reader reader(*this, text, readable, workspace, out);
  if (!reader.trim()) return false;
  read_words(reader, reader.text());
  return true;
}

}  // namespace quatrain::tokenizer
