#include <array>
#include <string_view>
#include <vector>

#include "tokenizer/bytes.h"
#include "tokenizer/marked_words.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

// One text on its way.
class MarkedWords::Reader {
 public:
  Reader(const MarkedWords& rule, std::string_view text, bool is_first, const char* readable,
         Workspace& workspace, IdBuffer& out)
      : rule_(rule),
        text_(text.data()),
        end_(text.data() + text.size()),
        readable_(readable),
        stops_(rule.stops_, text.data()),
        workspace_(workspace),
        out_(out),
        word_(text.data()),
        first_(out.size()),
        scored_(out.size()) {
    using enum PreTokenizerSpec::Prepend;
    const SpaceMarks& marks = rule.steps_.marks;
    const bool is_marked = text.starts_with(' ') || text.starts_with(kMark);
    const bool marks_first = marks.prepend == kAlways || (marks.prepend == kFirst && is_first);
    begins_as_part_ = !rule.steps_.prepends && !(marks_first && (splits_ || !is_marked));
  }

  const char* find(const char* at, RawWord& word) {
    const char* begin = at;
    bool is_spaced = false;
    if (splits_) {
      Place here = look(at);
      is_spaced = here.first == ' ' && !is_bound(here.end);
      if (is_spaced && joins_) skip_spaces(begin, here);
    }
    if (begin == end_) {
      word.bytes = {};
      return end_;
    }
    word.is_part = !is_spaced && (begin != text_ || begins_as_part_);
    const char* stop = word_end(begin);
    word.bytes = {begin, stop};
    word.is_alone = word.is_part && is_wide(*begin) && is_alone(begin, stop);
    if (!word.is_alone) word.look_ahead(workspace_.id_cache, readable_);
    return stop;
  }

  void append(const RawWord& word) {
    if (word.bytes.data() < resumed_) return;
    const std::size_t size = out_.size();
    if (!word.is_part) {
      word_ = word.bytes.data();
      first_ = scored_ = size;
      score_ = 0;
      is_sure_ = true;
    }
    if (word.is_alone) {
      append_alone(look(word.bytes.data()), word.bytes.data());
    } else {
      if (!append_cached(workspace_.id_cache, word, out_)) append_new(word);
      if (word.is_part) join_unknown(size);
    }
    if (!word.is_part) return;
    is_sure_ = is_sure_ && (!may_tie_ || word.bytes.data() - word_ <= Model::kLongestSure);
    if (!is_sure_) read_again(word);
  }

  const char* append_run(const char* at) {
    if (at < resumed_) return resumed_;
    while ((at = append_apart(at)) < end_) {
      const Place here = look(at);
      if (here.alone == kKeyed) break;
      if (here.end < end_ && !cuts(here, look(here.end))) break;
      append_alone(here, at);
      at = here.end;
    }
    return at;
  }

 private:
  struct Place {
    char32_t first, last;
    std::uint32_t alone;
    const char* end;
  };

  static bool is_wide(char lead) { return static_cast<unsigned char>(lead) >= 0xE0; }

  // Whether a word is one character whose id is known.
  bool is_alone(const char* begin, const char* stop) const {
    const Place first = look(begin);
    return first.end == stop && first.alone != kKeyed;
  }

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

  // Whether it is known of the byte alone that it is a character which depends on no other.
  bool is_plain(const char* at) const { return rule_.is_plain_[static_cast<unsigned char>(*at)]; }

  // Whether the character at `at` may be bound to the one before, which then is not known either.
  bool is_bound(const char* at) const {
    return splits_ && at < end_ && !is_plain(at) && look(at).first == 0;
  }

  bool cuts(const Place& left, const Place& right) const {
    return rule_.cuts(left.last, right.first) && !is_bound(right.end);
  }

  const char* word_end(const char* at) {
    const char* last = at;  // the character before the place that is looked at
    if (is_plain(at)) {
      const char* stop = stops_.next(at + 1, end_);
      if (stop == end_ || (is_plain(stop) && !is_bound(stop + 1))) return stop;
      last = stop - 1;
    }
    bool is_bound_to = false;  // the last character may be bound to the one before
    for (Place here = look(last); here.end < end_;) {
      const Place next = look(here.end);
      if (!is_bound_to && cuts(here, next)) return here.end;
      is_bound_to = here.first == 0;
      here = next;
    }
    return end_;
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

  void append_bytes(std::string_view bytes) {
    for (const char byte : bytes) out_.push((*byte_ids_)[static_cast<unsigned char>(byte)]);
  }

  // Appends the ids of characters of three bytes for which it does not matter what is beside them.
  const char* append_apart(const char* at) {
    while (at < end_ && (*at & 0xF0) == 0xE0) {
      std::size_t size = 0;
      const std::uint32_t id = rule_.apart_[unicode::decode({at, end_}, size)];
      if (id < kBytes) {
        out_.push(id);
      } else if (id == kBytes) {
        append_bytes({at, size});
      } else {
        break;
      }
      at += size;
    }
    return at;
  }

  void append_alone(const Place& here, const char* at) {
    const std::uint32_t fused = rule_.model_.fused();
    if (here.alone == kBytes) {
      append_bytes({at, here.end});
    } else if (here.alone != fused || out_.size() == first_ || out_.ids().back() != fused) {
      out_.push(here.alone);
    }
  }

  void append_new(const RawWord& word) {
    const std::size_t size = out_.size();
    bool is_one = true;  // pre-token at most
    if (!splits_ || are_plain(word.bytes)) {
      normalize_plain(word);
      const double before = word.is_part ? Model::kAnyScore : 0;
      if (!rule_.model_.append_part(workspace_.text, before, workspace_, out_)) {
        out_.shorten(size);
        return append_behind_others();
      }
    } else {
      is_one = append_pieces(word.bytes, word.is_part) <= 1;
      if (!is_one) score_ = Model::kAnyScore;
    }
    if (is_one && is_sure_ && !word.key.is_none()) {
      workspace_.id_cache.insert(word.key, word.bytes, out_.ids(size));
    }
  }

  // Appends the ids that the part in workspace_.text has behind those of its word so far.
  void append_behind_others() {
    score_ = rule_.model_.score(score_, out_.ids(scored_));
    scored_ = out_.size();
    is_sure_ = rule_.model_.append_part(workspace_.text, score_, workspace_, out_) && is_sure_;
  }

  // Whether the characters are normalized each for itself.
  bool are_plain(std::string_view word) const {
    for (const char* at = word.data(); at < word.data() + word.size();) {
      if (is_plain(at)) {
        ++at;
        continue;
      }
      const Place here = look(at);
      if (here.first == 0) return false;
      at = here.end;
    }
    return true;
  }

  // Makes the text of a word of characters that are normalized each for itself.
  void normalize_plain(const RawWord& word) const {
    std::string& text = workspace_.text;
    text.assign(kMark, 0, word.is_part ? 0 : kMark.size());
    const Charsmap* charsmap = rule_.steps_.charsmap;
    for (std::size_t at = 0; at < word.bytes.size();) {
      if (rule_.is_kept_[static_cast<unsigned char>(word.bytes[at])]) {
        text += word.bytes[at++];
        continue;
      }
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
      const double before = i == 0 && is_part ? Model::kAnyScore : 0;
      is_sure_ = rule_.model_.append_part(piece, before, workspace_, out_) && is_sure_;
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
  const std::array<std::uint32_t, 256>* byte_ids_ = rule_.model_.byte_ids();
  const bool may_tie_ = rule_.model_.may_tie();
  const char* text_;
  const char* end_;
  const char* readable_;
  Stops stops_;
  Workspace& workspace_;
  IdBuffer& out_;
  bool begins_as_part_;
  const char* word_;   // that of the last part
  std::size_t first_;  // of its ids
  double score_ = 0;   // of its ids up to scored_
  std::size_t scored_;
  bool is_sure_ = true;            // that its parts have the ids that they have alone
  const char* resumed_ = nullptr;  // what begins before was read
};

void MarkedWords::read(std::string_view text, bool is_first, const char* readable,
                       Workspace& workspace, IdBuffer& out) const {
  Reader reader(*this, text, is_first, readable, workspace, out);
  read_words(reader, text);
}

}  // namespace quatrain::tokenizer
