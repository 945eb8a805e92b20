#include "tokenizer/normalizer.h"

#include <algorithm>
#include <array>

#include "core/check.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/nfc_check.h"
#include "tokenizer/pattern.h"
#include "tokenizer/precompiled.h"
#include "tokenizer/sentencepiece_normalizer.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;

bool contains(std::string_view text, std::uint16_t classes) {
  const auto& table = unicode::class_table();
  for (std::size_t at = 0; at < text.size();) {
    if (table[unicode::decode(text, at)] & classes) return true;
  }
  return false;
}

// Whether every character is below U+0300, the first that NFC may change.
bool is_below_marks(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0xCC; });
}

// Edits character by character: `each(c, classes, push)` pushes what replaces c.
template <class Each>
void map_characters(Text& text, Each each) {
  const auto& table = unicode::class_table();
  Text::Editor editor(text);
  const std::string_view view = text.view();
  for (std::size_t at = 0; at < view.size();) {
    const Span from = text.span(at);
    const char32_t c = unicode::decode(view, at);
    each(c, table[c], [&](char32_t out) { editor.push(out, from); });
  }
  editor.commit();
}

// A character on its way through a normalization form. `change` says how it replaces the old text:
// 0, one old character; 1, none (it came with the character before); -n, 1 + n old characters.
struct Item {
  char32_t c;
  int change;
  std::uint8_t combining;
};

// One run of characters that the normalization form may change, and the form of it.
class Run {
 public:
  Run(bool compatible, bool composed) : compatible_(compatible), composed_(composed) {}

  void push(char32_t c, Span from) {
    from_.push_back(from);
    std::array<std::uint32_t, 3> hangul;
    const auto parts = unicode::decompose(c, compatible_, hangul);
    if (parts.empty()) items_.push_back({c, 0, unicode::combining_class(c)});
    for (std::size_t i = 0; i < parts.size(); ++i) {
      items_.push_back({parts[i], i > 0, unicode::combining_class(parts[i])});
    }
  }

  void flush(Text::Editor& editor) {
    sort();
    if (composed_) compose();
    // The peers' rule for origins: an item takes that of the next old character, or, if it came
    // with another, that of the last old one. Marks that changed places are thus approximate.
    std::size_t old = 0;
    for (const Item& item : items_) {
      const std::size_t at = item.change > 0 ? (old > 0 ? old - 1 : 0) : old;
      editor.push(item.c, from_[std::min(at, from_.size() - 1)]);
      if (item.change <= 0) old += static_cast<std::size_t>(1 - item.change);
    }
    items_.clear();
    from_.clear();
  }

 private:
  // Canonical order: each run of marks is sorted by combining class, stably.
  void sort() {
    const auto is_starter = [](const Item& item) { return item.combining == 0; };
    for (auto begin = items_.begin(); begin != items_.end();) {
      begin = std::find_if_not(begin, items_.end(), is_starter);
      const auto end = std::find_if(begin, items_.end(), is_starter);
      std::stable_sort(begin, end,
                       [](const Item& a, const Item& b) { return a.combining < b.combining; });
      begin = end;
    }
  }

  // Canonical composition: a starter swallows each following character that no other blocks.
  void compose() {
    std::size_t size = 0, starter = items_.size();
    int last = -1;  // the combining class of the last kept character behind the starter
    for (const Item& item : items_) {
      if (starter != items_.size() && last < static_cast<int>(item.combining)) {
        if (const char32_t c = unicode::compose(items_[starter].c, item.c)) {
          items_[starter].c = c;
          items_[starter].change += item.change - 1;
          continue;
        }
      }
      if (item.combining == 0) {
        starter = size;
        last = -1;
      } else {
        last = item.combining;
      }
      items_[size++] = item;
    }
    items_.resize(size);
  }

  bool compatible_, composed_;
  std::vector<Item> items_;
  std::vector<Span> from_;
};

void normalization_form(Text& text, bool compatible, bool composed) {
  // Decomposition leaves characters without the flag alone, and nothing moves past them. Yet they
  // may be halves of a composition, so composing takes all that is not ASCII, and the character
  // before it, in one run.
  const std::uint16_t touched = compatible ? Class::kCompatible : Class::kCanonical;
  const auto& table = unicode::class_table();
  if (!composed && !contains(text.view(), touched)) return;
  if (composed && !compatible && is_below_marks(text.view())) return;
  Run run(compatible, composed);
  Text::Editor editor(text);
  const std::string_view view = text.view();
  bool is_open = false;
  for (std::size_t at = 0; at < view.size();) {
    const Span from = text.span(at);
    const char32_t c = unicode::decode(view, at);
    // No composition has an ASCII second half, so ASCII ends a run, and begins one only if
    // something else follows.
    const bool ends = composed ? c < 0x80 : !(table[c] & touched);
    if (ends && is_open) run.flush(editor);
    const bool is_ascii_next = at == view.size() || static_cast<signed char>(view[at]) >= 0;
    is_open = composed ? !(ends && is_ascii_next) : !ends;
    if (is_open) {
      run.push(c, from);
    } else {
      editor.push(c, from);
    }
  }
  if (is_open) run.flush(editor);
  editor.commit();
}

template <class Push>
void push_lower(char32_t c, std::uint16_t classes, Push push) {
  if (!(classes & Class::kUpper)) {
    push(c);
  } else {
    const unicode::Lowered lowered = unicode::lower(c);
    push(lowered.first);
    if (lowered.second) push(lowered.second);
  }
}

void bert(const NormalizerSpec& spec, Text& text) {
  const auto clean = [&spec](char32_t c, std::uint16_t classes, auto push) {
    if (spec.clean_text) {
      if (classes & Class::kControl) return;
      if (classes & Class::kSpace) c = ' ';
    }
    const bool is_surrounded = spec.handle_chinese_chars && (classes & Class::kIdeograph);
    if (is_surrounded) push(' ');
    push(c);
    if (is_surrounded) push(' ');
  };
  const auto fold = [&spec](char32_t c, std::uint16_t classes, auto push) {
    if (spec.strip_accents && (classes & Class::kNonspacing)) return;
    if (spec.lowercase) {
      push_lower(c, classes, push);
    } else {
      push(c);
    }
  };
  if (spec.strip_accents && contains(text.view(), Class::kCanonical)) {
    map_characters(text, clean);
    normalization_form(text, false, false);
    map_characters(text, fold);
    return;
  }
  const auto& table = unicode::class_table();
  map_characters(text, [&](char32_t c, std::uint16_t classes, auto push) {
    clean(c, classes, [&](char32_t kept) { fold(kept, table[kept], push); });
  });
}

// sentencepiece's cleaning for translation (nmt): controls go, separators become spaces.
template <class Push>
void push_nmt(char32_t c, Push push) {
  const bool is_control = (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) ||
                          c == 0x7F || c == 0x8F || c == 0x9F;
  if (is_control) return;
  const bool is_space = (c >= 0x09 && c <= 0x0D) || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                        c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  push(is_space ? U' ' : c);
}

void strip(const NormalizerSpec& spec, Text& text) {
  const auto& table = unicode::class_table();
  const std::string_view view = text.view();
  std::size_t begin = 0, end = view.size();
  for (std::size_t next = 0; spec.left && next < end; begin = next) {
    if (!(table[unicode::decode(view, next)] & Class::kSpace)) break;
  }
  for (std::size_t next = end; spec.right && next > begin; end = next) {
    if (!(table[unicode::decode_before(view, next)] & Class::kSpace)) break;
  }
  if (end - begin == view.size()) return;
  Text::Editor editor(text);
  editor.copy(begin, end);
  editor.commit();
}

void prepend(const NormalizerSpec& spec, Text& text) {
  Text::Editor editor(text);
  editor.write(spec.content, text.span(0));
  editor.copy(0, text.size());
  editor.commit();
}

void replace_byte(const NormalizerSpec& spec, Text& text) {
  const char byte = spec.pattern.literal[0];
  const std::string_view view = text.view();
  const auto count = static_cast<std::size_t>(std::count(view.begin(), view.end(), byte));
  if (count == 0) return;
  text.check_growth(text.size() + count * spec.content.size());
  Text::Editor editor(text);
  editor.replace(byte, count, spec.content);
  editor.commit();
}

void replace(const NormalizerSpec& spec, Text& text) {
  const bool is_literal = spec.pattern.kind == PatternSpec::Kind::kLiteral;
  if (is_literal && spec.pattern.literal.size() == 1) return replace_byte(spec, text);
  const std::vector<Piece> matches = find_matches(spec.pattern, text.view());
  if (matches.empty()) return;
  text.check_growth(text.size() + matches.size() * spec.content.size());
  Text::Editor editor(text);
  std::size_t seen = 0;
  for (const Piece& match : matches) {
    editor.copy(seen, match.begin);
    // New text comes from the last character that it replaces, or else that it follows.
    editor.write(spec.content, match.end > 0 ? text.span(match.end - 1) : text.origin());
    seen = match.end;
  }
  editor.copy(seen, text.size());
  editor.commit();
}

void apply(const NormalizerSpec& spec, Text& text, const SpecialGuard* guard) {
  using Kind = NormalizerSpec::Kind;
  switch (spec.kind) {
    case Kind::kBert:
      return bert(spec, text);
    case Kind::kLowercase:
      return map_characters(
          text, [](char32_t c, std::uint16_t classes, auto push) { push_lower(c, classes, push); });
    case Kind::kNfc:
      return normalization_form(text, false, true);
    case Kind::kNfd:
      return normalization_form(text, false, false);
    case Kind::kNfkc:
      return normalization_form(text, true, true);
    case Kind::kNfkd:
      return normalization_form(text, true, false);
    case Kind::kStripAccents:
      return map_characters(text, [](char32_t c, std::uint16_t classes, auto push) {
        if (!(classes & Class::kMark)) push(c);
      });
    case Kind::kByteLevel:
      return spell_bytes(text);
    case Kind::kStrip:
      return strip(spec, text);
    case Kind::kPrepend:
      return prepend(spec, text);
    case Kind::kReplace:
      return replace(spec, text);
    case Kind::kNmt:
      return map_characters(text, [](char32_t c, std::uint16_t, auto push) { push_nmt(c, push); });
    case Kind::kPrecompiled:
      return rewrite_graphemes(*spec.charsmap, text);
    case Kind::kSentencePiece:
      return spec.sentencepiece->apply(text, guard);
  }
}

}  // namespace

void check_normalizer(const NormalizerSpec& spec) {
  constexpr const char* kWhere = "normalizer";
  check<TokenizerError>(spec.charsmap || spec.kind != NormalizerSpec::Kind::kPrecompiled, kWhere,
                        "Precompiled needs a charsmap");
  check<TokenizerError>(spec.sentencepiece || spec.kind != NormalizerSpec::Kind::kSentencePiece,
                        kWhere, "SentencePiece needs its rules");
  check<TokenizerError>(unicode::is_valid(spec.content), kWhere, "the content is not valid UTF-8");
  check_pattern(spec.pattern, kWhere);
}

void normalize(const std::vector<NormalizerSpec>& normalizers, Text& text,
               const SpecialGuard* guard) {
  for (const NormalizerSpec& spec : normalizers) {
    if (text.size() > 0) apply(spec, text, guard);
  }
}

std::string normalized(const std::vector<NormalizerSpec>& normalizers, std::string_view string) {
  Source source;
  source.assign(string);
  Text text;
  text.assign(source, 0, string.size());
  normalize(normalizers, text);
  return std::string(text.view());
}

void spell_bytes(Text& text) {
  Text::Editor editor(text);
  const std::string_view view = text.view();
  for (std::size_t at = 0; at < view.size(); ++at) {
    editor.push(byte_to_char(static_cast<unsigned char>(view[at])), text.span(at));
  }
  editor.commit();
}

bool surely_keep(const std::vector<NormalizerSpec>& normalizers, std::string_view string) {
  return std::all_of(normalizers.begin(), normalizers.end(), [&](const NormalizerSpec& spec) {
    return spec.kind == NormalizerSpec::Kind::kNfc && unicode::is_surely_nfc(string);
  });
}

}  // namespace quatrain::tokenizer
