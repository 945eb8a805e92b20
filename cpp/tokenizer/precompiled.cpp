#include "tokenizer/precompiled.h"

#include <optional>

#include "tokenizer/graphemes.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::size_t kLongGrapheme = 6;  // bytes

// Whether the byte begins an ideograph, from U+5000 to U+9FFF: nothing joins two of them.
bool is_ideograph(char lead) { return static_cast<unsigned char>(lead - 0xE5) < 5; }

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (const char byte : text) count += !unicode::is_continuation(byte);
  return count;
}

// Writes the new text with the origins that the peer gives it. Each new character takes the place
// of one old one; the last of a longer replacement take none, and come from the old one before. The
// last new character takes the place of what a shorter replacement leaves over; there being none at
// the text's begin, all that follows comes from too early there.
class Rewriter {
 public:
  explicit Rewriter(Text& text) : text_(text), editor_(text) {}

  // Characters [begin, end) of the old text stay.
  void keep(std::size_t begin, std::size_t end) {
    if (begin == end) return;
    write();
    has_last_ = false;
    if (old_ == begin) {  // all but the last, which takes the place of what comes next
      std::size_t last = end;
      unicode::decode_before(text_.view(), last);
      editor_.copy(begin, last);
      begin = old_ = last;
    }
    while (begin < end) push(unicode::decode(text_.view(), begin), 1);
  }
  void replace(std::size_t old, std::string_view replacement) {  // `old` characters
    std::size_t at = 0;
    for (; at < replacement.size() && old > 0; --old) push(unicode::decode(replacement, at), 1);
    while (at < replacement.size()) push(unicode::decode(replacement, at), 0);
    replaced_ += has_last_ ? old : 0;
  }
  void commit() {
    write();
    editor_.commit();
  }

 private:
  void push(char32_t c, std::size_t replaced) {
    write();
    last_ = c;
    replaced_ = replaced;
    has_last_ = true;
  }
  void write() {
    if (!has_last_) return;
    if (replaced_ == 0) {
      return editor_.push(last_, old_ > 0 ? text_.span(old_ - 1) : text_.origin());
    }
    editor_.push(last_, text_.span(old_));
    for (; replaced_ > 0; --replaced_) old_ += unicode::length(text_.view()[old_]);
  }

  Text& text_;
  Text::Editor editor_;
  char32_t last_ = 0;         // not written yet,
  std::size_t replaced_ = 0;  // as it may yet take the place of more old characters
  bool has_last_ = false;
  std::size_t old_ = 0;
};

// Calls replace(begin, end, rule) for what the rules replace, from left to right.
template <class Replace>
void find_rules(const Charsmap& charsmap, std::string_view text, Replace replace) {
  const auto is_plain = [&](std::size_t at) {
    return at >= text.size() || static_cast<signed char>(text[at]) >= 0 || is_ideograph(text[at]);
  };
  const auto is_kept = [&](char lead) {
    return is_ideograph(lead) ? !charsmap.has_rule(lead) : charsmap.keeps(lead);
  };
  for (std::size_t at = 0; at < text.size();) {
    // An ASCII character or an ideograph before another is a grapheme, or a carriage return before
    // a line feed, which are as good as two if no rule is for either.
    const std::size_t behind = at + unicode::length(text[at]);
    if (is_plain(at) && is_plain(behind) && is_kept(text[at])) {
      at = behind;
      continue;
    }
    const std::size_t end = unicode::grapheme_end(text, at);
    if (end - at < kLongGrapheme) {
      const Charsmap::Rule rule = charsmap.shortest(text.substr(at, end - at));
      if (rule.size > 0) {
        replace(at, end, rule);
        at = end;
      }
    }
    if (end == behind) at = end;  // one character, for which there is no rule
    while (at < end) {
      const std::size_t next = at + unicode::length(text[at]);
      const Charsmap::Rule rule = charsmap.shortest(text.substr(at, next - at));
      if (rule.size > 0) replace(at, next, rule);
      at = next;
    }
  }
}

}  // namespace

void rewrite_graphemes(const Charsmap& charsmap, Text& text) {
  const std::string_view view = text.view();
  std::optional<Rewriter> rewriter;  // once there is something to rewrite
  std::size_t seen = 0;
  find_rules(charsmap, view, [&](std::size_t begin, std::size_t end, const Charsmap::Rule& rule) {
    if (!rewriter) rewriter.emplace(text);
    rewriter->keep(seen, begin);
    rewriter->replace(count_characters(view.substr(begin, end - begin)), rule.replacement);
    seen = end;
  });
  if (!rewriter) return;
  rewriter->keep(seen, view.size());
  rewriter->commit();
}

}  // namespace quatrain::tokenizer
