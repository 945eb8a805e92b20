#include "tokenizer/marked_words.h"

#include <algorithm>
#include <utility>

#include "tokenizer/bytes.h"
#include "tokenizer/graphemes.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;
using Kind = NormalizerSpec::Kind;

constexpr std::string_view kMark = "\u2581";

// Whether every match is a run of spaces, which one space replaces.
bool is_join(const NormalizerSpec& spec) {
  return spec.kind == Kind::kReplace && spec.content == " " &&
         spec.pattern.kind == PatternSpec::Kind::kRun && spec.pattern.classes == 0 &&
         spec.pattern.ranges == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{' ', ' '}};
}

bool is_replacement(const NormalizerSpec& spec) {
  return spec.kind == Kind::kReplace && spec.content == kMark &&
         spec.pattern.kind == PatternSpec::Kind::kLiteral && spec.pattern.literal == " ";
}

bool is_prefix(const NormalizerSpec& spec) {
  return spec.kind == Kind::kPrepend && spec.content == kMark;
}

bool is_letter(char c) { return static_cast<unsigned char>((c | 0x20) - 'a') < 26; }

}  // namespace

std::optional<MarkedWords::Steps> MarkedWords::Steps::read(
    const std::vector<NormalizerSpec>& normalizers, const PreTokenizer& pre_tokenizer) {
  Steps steps;
  auto spec = normalizers.begin();
  const auto take = [&](bool (*is_such)(const NormalizerSpec&)) {
    const bool is_here = spec != normalizers.end() && is_such(*spec);
    spec += is_here;
    return is_here;
  };
  if (take([](const NormalizerSpec& s) { return s.kind == Kind::kPrecompiled; })) {
    steps.charsmap = spec[-1].charsmap.get();
  }
  steps.joins_spaces = take(is_join);
  steps.prepends = take(is_prefix);
  steps.replaces = take(is_replacement);
  if (spec != normalizers.end()) return std::nullopt;
  const auto marks = pre_tokenizer.marks_spaces(steps.replaces);
  if (!marks) return std::nullopt;
  steps.marks = *marks;
  const bool is_split = steps.marks.splits;
  const bool has_charsmap = steps.charsmap || steps.joins_spaces;
  if (is_split ? steps.prepends || steps.replaces : has_charsmap) return std::nullopt;
  return steps;
}

std::optional<MarkedWords> MarkedWords::make(const std::vector<NormalizerSpec>& normalizers,
                                             const PreTokenizer& pre_tokenizer,
                                             const Model& model) {
  const auto steps = Steps::read(normalizers, pre_tokenizer);
  // Ties are settled in whole words: of a text that is one, that would be all of it.
  const bool has_parts = model.boundaries() && !model.may_tie();
  if (!steps || !(steps->marks.splits || has_parts)) return std::nullopt;
  return MarkedWords(normalizers, pre_tokenizer, model, *steps);
}

MarkedWords::MarkedWords(const std::vector<NormalizerSpec>& normalizers,
                         const PreTokenizer& pre_tokenizer, const Model& model, const Steps& steps)
    : normalizers_(normalizers),
      pre_tokenizer_(pre_tokenizer),
      model_(model),
      boundaries_(model.boundaries()),
      steps_(steps) {
  characters_.reserve(kTable);
  for (char32_t c = 0; c < kTable; ++c) {
    const Edges found = edges(c);
    if (std::max(found.first, found.last) >= kTable) {
      characters_.emplace_back();
    } else {
      const bool has_token = boundaries_ && found.are_one && found.first != ' ';
      characters_.push_back({static_cast<char16_t>(found.first), static_cast<char16_t>(found.last),
                             has_token ? kBytes : kKeyed});
    }
  }
  // To a charsmap, a carriage return and a line feed are one: if that is not as good as two, what
  // becomes of the first depends on the second.
  const bool are_spaces = characters_['\r'].first == ' ' && characters_['\n'].first == ' ';
  const bool has_rule = steps_.charsmap && steps_.charsmap->shortest("\r\n").size > 1;
  const bool are_two = joins_spaces() && are_spaces && !has_rule;
  if (steps_.marks.splits && !are_two) characters_['\r'] = {};
  const auto may_stand = [&](char c) {
    return !is_letter(c) || characters_[static_cast<unsigned char>(c)].first > ' ';
  };
  has_letters_ = true;
  for (char c = 'A'; c <= 'z'; ++c) has_letters_ = has_letters_ && may_stand(c);
  if (boundaries_) find_tokens();
}

// What becomes of a character where it is normalized alone.
std::string MarkedWords::form(char32_t c) const {
  std::string text;
  unicode::append(text, c);
  if (!steps_.charsmap) return text;
  const Charsmap::Rule rule = steps_.charsmap->shortest(text);
  return rule.size > 0 ? std::string(rule.replacement) : text;
}

MarkedWords::Edges MarkedWords::edges(char32_t c) const {
  if (!unicode::is_character(c)) return {};
  if (!steps_.marks.splits) {
    const char32_t same = c == U'\u2581' ? U' ' : c;
    return {same, same, true};
  }
  if (!unicode::stands_apart(c)) return {};
  const auto is_space = [&](char32_t x) {
    return x == ' ' || (steps_.marks.drops_spaces && unicode::class_table()[x] & Class::kSpace);
  };
  const std::string now = form(c);
  if (now.empty()) return {};
  std::size_t begin = 0, end = now.size();
  Edges found{unicode::decode(now, begin), unicode::decode_before(now, end)};
  found.are_one = begin == now.size();
  if (found.are_one && is_space(found.first)) return {' ', ' ', true};
  for (std::size_t at = 0; at < now.size();) {
    const char32_t x = unicode::decode(now, at);
    if (is_space(x) || x == U'\u2581') return {};
  }
  return found;
}

// Finds the tokens of characters that are parts by themselves.
void MarkedWords::find_tokens() {
  const Vocabulary& vocabulary = model_.vocabulary();
  const std::uint32_t none = model_.byte_ids() ? kBytes : model_.unknown().value_or(kKeyed);
  std::vector<std::uint32_t> ids(kTable, none);  // by what stands for the character
  for (std::uint32_t id = 0; id < vocabulary.end_id(); ++id) {
    if (!vocabulary.has(id)) continue;
    const std::string_view token = vocabulary.token(id);
    if (token.empty() || token.size() > 3 || token.size() > unicode::length(token[0])) continue;
    std::size_t at = 0;
    ids[unicode::decode(token, at)] = id;
  }
  for (Character& character : characters_) {
    if (character.alone == kBytes) character.alone = ids[character.first];
  }
}

// One text on its way.
class MarkedWords::Reader {
 public:
  Reader(const MarkedWords& rule, std::string_view text, bool is_first, const char* readable,
         Workspace& workspace, IdBuffer& out)
      : rule_(rule),
        text_(text.data()),
        end_(text.data() + text.size()),
        readable_(readable),
        workspace_(workspace),
        out_(out),
        word_(text.data()),
        first_(out.size()) {
    using enum PreTokenizerSpec::Prepend;
    const SpaceMarks& marks = rule.steps_.marks;
    const bool is_marked = text.starts_with(' ') || text.starts_with(kMark);
    const bool marks_first = marks.prepend == kAlways || (marks.prepend == kFirst && is_first);
    begins_as_part_ = !rule.steps_.prepends && !(marks_first && (splits_ || !is_marked));
  }

  const char* find(const char* at, RawWord& word) {
    const char* begin = at;
    Place here = look(at);
    const bool is_spaced = splits_ && here.first == ' ' && !is_bound(here.end);
    if (is_spaced && joins_) {
      skip_spaces(begin, here);
      if (begin == end_) {
        word.bytes = {};
        return end_;
      }
    }
    word.is_part = !is_spaced && (begin != text_ || begins_as_part_);
    word.is_plain = here.first != 0;
    word.id = here.alone;
    bool is_behind_bound = false;  // the last character may be bound to the one before
    const char* stop = here.end;
    while (stop < end_) {
      const Place next = look(stop);
      if (!is_behind_bound && cuts(here, next)) break;
      word.id = kKeyed;
      word.is_plain = word.is_plain && next.first != 0;
      is_behind_bound = here.first == 0;
      here = next;
      stop = next.end;
      if (is_letter(stop[-1]) && rule_.has_letters_ && stop < end_ && is_letter(*stop)) {
        stop = skip<'a', 'z', 0x20>(stop, end_, readable_);
        here = look(stop - 1);
        is_behind_bound = false;
      }
    }
    word.bytes = {begin, stop};
    if (!word.is_part) word.id = kKeyed;
    if (word.id == kKeyed) word.look_ahead(workspace_.id_cache, readable_);
    return stop;
  }

  void append(const RawWord& word) {
    if (word.bytes.data() < resumed_) return;
    const std::size_t size = out_.size();
    if (!word.is_part) {
      word_ = word.bytes.data();
      first_ = size;
      is_sure_ = true;
    }
    if (word.id < kBytes) {
      out_.push(word.id);
    } else if (word.id == kBytes) {
      for (const char byte : word.bytes) {
        out_.push((*rule_.model_.byte_ids())[static_cast<unsigned char>(byte)]);
      }
    } else if (!append_cached(workspace_.id_cache, word, out_)) {
      append_new(word);
    }
    if (!word.is_part) return;
    join_unknown(size);
    is_sure_ = is_sure_ && (!may_tie_ || word.bytes.data() - word_ <= Model::kLongestSure);
    if (!is_sure_) read_again(word);
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

  // Whether the character at `at` may be bound to the one before, which then is not known either.
  bool is_bound(const char* at) const { return splits_ && at < end_ && look(at).first == 0; }

  bool cuts(const Place& left, const Place& right) const {
    if (left.last == 0 || right.first == 0) return false;
    if (splits_ && (left.last == ' ' || right.first == ' ')) {
      if (right.first != ' ' || (left.last == ' ' && joins_)) return false;
    } else if (!rule_.boundaries_ || rule_.boundaries_->may_join(left.last, right.first)) {
      return false;
    }
    return !is_bound(right.end);
  }

  // Of spaces that are as good as one, moves on to the last; or behind it, if they are as good as
  // none.
  void skip_spaces(const char*& begin, Place& here) const {
    const bool drops = rule_.steps_.marks.drops_spaces;
    while (here.end < end_) {
      const Place next = look(here.end);
      const bool is_space = next.first == ' ';
      if (next.first == 0 || is_bound(next.end) || !(is_space || drops)) return;
      begin = here.end;
      here = next;
      if (!is_space) return;
    }
    if (drops) begin = end_;
  }

  void append_new(const RawWord& word) {
    const std::size_t size = out_.size();
    bool is_one = true;  // pre-token at most
    if (word.is_plain || !splits_) {
      normalize_plain(word);
      is_sure_ = rule_.model_.append_part(workspace_.text, workspace_, out_) && is_sure_;
    } else {
      is_one = append_pieces(word.bytes, word.is_part) <= 1;
    }
    if (is_one && is_sure_ && !word.key.is_none()) {
      workspace_.id_cache.insert(word.key, word.bytes, out_.ids(size));
    }
  }

  // Makes the text of a word of characters that are normalized each for itself.
  void normalize_plain(const RawWord& word) const {
    std::string& text = workspace_.text;
    text.assign(kMark, 0, word.is_part ? 0 : kMark.size());
    const Charsmap* charsmap = rule_.steps_.charsmap;
    for (std::size_t at = 0; at < word.bytes.size();) {
      const std::string_view c = word.bytes.substr(at, unicode::length(word.bytes[at]));
      at += c.size();
      Charsmap::Rule rule;
      if (charsmap && charsmap->has_rule(c[0])) rule = charsmap->shortest(c);
      const std::string_view now = rule.size > 0 ? rule.replacement : c;
      if (splits_ && !word.is_part && at == c.size() && look(c.data()).first == ' ') {
        continue;  // for which the mark stands
      }
      text += now == " " && rule_.steps_.marks_spaces() ? kMark : now;
    }
  }

  // Goes the long way, and returns the number of pre-tokens.
  std::size_t append_pieces(std::string_view bytes, bool is_part) {
    Source source;
    source.assign(bytes);
    Text text;
    text.assign(source, 0, bytes.size());
    normalize(rule_.normalizers_, text);
    // In the middle of a word, no mark belongs in front.
    const bool is_marked = text.view().starts_with(' ') || text.view().starts_with(kMark) ||
                           rule_.steps_.marks.prepend == PreTokenizerSpec::Prepend::kNever;
    std::vector<Piece> pieces;
    rule_.pre_tokenizer_.split(text, pieces);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      std::string_view piece = text.view(pieces[i]);
      if (i == 0 && is_part && !is_marked) piece.remove_prefix(kMark.size());
      if (piece.empty()) continue;
      is_sure_ = rule_.model_.append_part(piece, workspace_, out_) && is_sure_;
    }
    return pieces.size();
  }

  // Reads the whole word that a part belongs to.
  void read_again(const RawWord& part) {
    const char* end = part.bytes.data();
    RawWord next;
    while (end < end_) {
      const char* stop = find(end, next);
      if (end > part.bytes.data() && !next.is_part) break;
      end = stop;
    }
    out_.shorten(first_);
    append_pieces({word_, end}, word_ == text_ && begins_as_part_);
    resumed_ = end;
  }

  // An unknown part that goes on with one is the same token.
  void join_unknown(std::size_t size) {
    const std::uint32_t* ids = out_.data();
    if (size == first_ || size == out_.size()) return;
    if (ids[size] != rule_.model_.fused() || ids[size - 1] != ids[size]) return;
    out_.keep(size, size + 1, out_.size());
  }

  const MarkedWords& rule_;
  const bool splits_ = rule_.steps_.marks.splits;
  const bool joins_ = rule_.joins_spaces();
  const bool may_tie_ = rule_.model_.may_tie();
  const char* text_;
  const char* end_;
  const char* readable_;
  Workspace& workspace_;
  IdBuffer& out_;
  bool begins_as_part_;
  const char* word_;               // that of the last part
  std::size_t first_;              // of its ids
  bool is_sure_ = true;            // that its parts have the ids that they have alone
  const char* resumed_ = nullptr;  // what begins before was read
};

void MarkedWords::read(std::string_view text, bool is_first, const char* readable,
                       Workspace& workspace, IdBuffer& out) const {
  Reader reader(*this, text, is_first, readable, workspace, out);
  read_words(reader, text);
}

}  // namespace quatrain::tokenizer
