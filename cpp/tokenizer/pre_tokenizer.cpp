#include "tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/check.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/pattern.h"
#include "tokenizer/scanners.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using Behavior = PreTokenizerSpec::Behavior;
using unicode::Class;

struct Match {
  std::size_t begin, end;
  bool is_delimiter;
};

// Turns a piece, already cut at delimiters, into the pieces that the behavior asks for.
void arrange(std::vector<Match>& matches, Behavior behavior, std::size_t base,
             std::vector<Piece>& out) {
  const auto push = [&](const Match& m) {
    if (m.begin != m.end) {
      out.push_back(
          {static_cast<std::uint32_t>(base + m.begin), static_cast<std::uint32_t>(base + m.end)});
    }
  };
  if (behavior == Behavior::kMergedWithNext) std::reverse(matches.begin(), matches.end());
  std::vector<Match> merged;
  bool previous = false;  // whether the match before was a delimiter
  for (const Match& m : matches) {
    bool joins = false;
    switch (behavior) {
      case Behavior::kRemoved:
        if (!m.is_delimiter) push(m);
        continue;
      case Behavior::kIsolated:
        push(m);
        continue;
      case Behavior::kContiguous:
        joins = m.is_delimiter == previous;
        break;
      case Behavior::kMergedWithPrevious:
      case Behavior::kMergedWithNext:
        joins = m.is_delimiter && !previous;
        break;
    }
    if (joins && !merged.empty()) {
      merged.back().begin = std::min(merged.back().begin, m.begin);
      merged.back().end = std::max(merged.back().end, m.end);
    } else {
      merged.push_back(m);
    }
    previous = m.is_delimiter;
  }
  if (behavior == Behavior::kMergedWithNext) std::reverse(merged.begin(), merged.end());
  for (const Match& m : merged) push(m);
}

// Cuts each piece; `cut(view, base, out)` appends what becomes of it.
template <class Cut>
void cut_each(std::string_view text, std::vector<Piece>& pieces, Cut cut) {
  std::vector<Piece> out;
  out.reserve(pieces.size() + text.size() / 4);
  for (const Piece& piece : pieces) {
    cut(text.substr(piece.begin, piece.end - piece.begin), piece.begin, out);
  }
  pieces.swap(out);
}

// Cuts at every character that `is_delimiter`.
template <class IsDelimiter>
void cut_at(std::string_view text, std::vector<Piece>& pieces, Behavior behavior,
            IsDelimiter is_delimiter) {
  std::vector<Match> matches;
  cut_each(text, pieces, [&](std::string_view view, std::size_t base, std::vector<Piece>& out) {
    matches.clear();
    std::size_t seen = 0;
    for (std::size_t at = 0; at < view.size();) {
      const std::size_t begin = at;
      if (!is_delimiter(unicode::decode(view, at))) continue;
      if (seen < begin) matches.push_back({seen, begin, false});
      matches.push_back({begin, at, true});
      seen = at;
    }
    if (seen < view.size()) matches.push_back({seen, view.size(), false});
    arrange(matches, behavior, base, out);
  });
}

void cut_at_classes(std::string_view text, std::vector<Piece>& pieces, std::uint16_t classes,
                    Behavior behavior) {
  const auto& table = unicode::class_table();
  cut_at(text, pieces, behavior, [&](char32_t c) { return (table[c] & classes) != 0; });
}

void cut_at_pattern(std::string_view text, std::vector<Piece>& pieces,
                    const PreTokenizerSpec& spec) {
  std::vector<Match> matches;
  cut_each(text, pieces, [&](std::string_view view, std::size_t base, std::vector<Piece>& out) {
    matches.clear();
    std::size_t seen = 0;
    for (const Piece& found : find_matches(spec.pattern, view)) {
      if (seen < found.begin) matches.push_back({seen, found.begin, spec.invert});
      matches.push_back({found.begin, found.end, !spec.invert});
      seen = found.end;
    }
    if (seen < view.size()) matches.push_back({seen, view.size(), spec.invert});
    arrange(matches, spec.behavior, base, out);
  });
}

void scan(std::string_view text, std::vector<Piece>& pieces, PreTokenizerSpec::Scanner scanner) {
  const auto cut = [&]<WordPattern P>() {
    cut_each(text, pieces, [&](std::string_view view, std::size_t base, std::vector<Piece>& out) {
      const char* begin = view.data();
      const char* end = begin + view.size();
      const Scan<P> pattern(end, end);
      for (const char* at = begin; at < end;) {
        const char* stop = pattern.next(at);
        out.push_back(
            {static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(at - begin),
             static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(stop - begin)});
        at = stop;
      }
    });
  };
  with_pattern(scanner, cut);
}

// Words between spaces, punctuation marks alone.
void bert(std::string_view text, std::vector<Piece>& pieces) {
  const auto& table = unicode::class_table();
  cut_each(text, pieces, [&](std::string_view view, std::size_t base, std::vector<Piece>& out) {
    std::size_t word = 0;
    const auto push = [&](std::size_t begin, std::size_t end) {
      if (begin == end) return;
      out.push_back(
          {static_cast<std::uint32_t>(base + begin), static_cast<std::uint32_t>(base + end)});
    };
    for (std::size_t at = 0; at < view.size();) {
      const std::size_t begin = at;
      const std::uint16_t classes = table[unicode::decode(view, at)];
      if (!(classes & (Class::kSpace | Class::kPunctuation))) continue;
      push(word, begin);
      if (classes & Class::kPunctuation) push(begin, at);
      word = at;
    }
    push(word, view.size());
  });
}

// \w+|[^\w\s]+
void words(std::string_view text, std::vector<Piece>& pieces) {
  const auto& table = unicode::class_table();
  constexpr std::uint16_t kKinds = Class::kWord | Class::kSpace;
  cut_each(text, pieces, [&](std::string_view view, std::size_t base, std::vector<Piece>& out) {
    for (std::size_t at = 0; at < view.size();) {
      const std::size_t begin = at;
      std::size_t next = at;
      const std::uint16_t kind = table[unicode::decode(view, next)] & kKinds;
      do {
        at = next;
      } while (next < view.size() && (table[unicode::decode(view, next)] & kKinds) == kind);
      if (kind & Class::kSpace) continue;
      out.push_back(
          {static_cast<std::uint32_t>(base + begin), static_cast<std::uint32_t>(base + at)});
    }
  });
}

// A new piece wherever the script changes. Spaces go with what is before them; those at the front,
// where nothing is, are lost, as the peer loses them.
void cut_at_scripts(std::string_view text, std::vector<Piece>& pieces) {
  cut_each(text, pieces, [](std::string_view view, std::size_t base, std::vector<Piece>& out) {
    std::uint8_t last = 0;
    for (std::size_t at = 0; at < view.size();) {
      const auto begin = static_cast<std::uint32_t>(base + at);
      const std::uint8_t script = unicode::script(unicode::decode(view, at));
      const auto end = static_cast<std::uint32_t>(base + at);
      if (script != 0 && script != last) {
        out.push_back({begin, end});
        last = script;
      } else if (last != 0) {
        out.back().end = end;
      }
    }
  });
}

void cut_lengths(std::string_view text, std::vector<Piece>& pieces, std::int64_t length) {
  cut_each(text, pieces, [&](std::string_view view, std::size_t base, std::vector<Piece>& out) {
    for (std::size_t at = 0; at < view.size();) {
      const std::size_t begin = at;
      for (std::int64_t i = 0; i < length && at < view.size(); ++i) at += unicode::length(view[at]);
      out.push_back(
          {static_cast<std::uint32_t>(base + begin), static_cast<std::uint32_t>(base + at)});
    }
  });
}

// Spaces become the replacement, of which one more may go in front of a piece; each begins a piece.
void metaspace(Text& text, std::vector<Piece>& pieces, const PreTokenizerSpec& spec) {
  using Prepend = PreTokenizerSpec::Prepend;
  Text::Editor editor(text);
  for (Piece& piece : pieces) {
    const std::uint32_t begin = editor.size();
    std::size_t at = piece.begin;
    const Span first = text.span(at);
    const char32_t c = unicode::decode(text.view(), at);
    const bool is_wanted =
        spec.prepend == Prepend::kAlways || (spec.prepend == Prepend::kFirst && first.begin == 0);
    if (is_wanted && c != ' ' && c != spec.replacement) editor.push(spec.replacement, first);
    for (at = piece.begin; at < piece.end; ++at) {
      const std::size_t space =
          std::min(text.view().substr(0, piece.end).find(' ', at), std::size_t{piece.end});
      editor.copy(at, space);
      if (space < piece.end) editor.push(spec.replacement, text.span(space));
      at = space;
    }
    piece = {begin, editor.size()};
  }
  editor.commit();
  if (!spec.split) return;
  std::string mark;
  unicode::append(mark, spec.replacement);
  cut_each(text.view(), pieces,
           [&mark](std::string_view view, std::size_t base, std::vector<Piece>& out) {
             for (std::size_t at = 0; at < view.size();) {
               const std::size_t end = std::min(view.find(mark, at + 1), view.size());
               out.push_back(
                   {static_cast<std::uint32_t>(base + at), static_cast<std::uint32_t>(base + end)});
               at = end;
             }
           });
}

// Gives each piece that does not begin with a space one, which comes from its first character.
void prefix_spaces(Text& text, std::vector<Piece>& pieces) {
  const auto has_space = [&](const Piece& piece) { return text.view()[piece.begin] == ' '; };
  if (std::all_of(pieces.begin(), pieces.end(), has_space)) return;
  Text::Editor editor(text);
  for (Piece& piece : pieces) {
    const std::uint32_t begin = editor.size();
    if (!has_space(piece)) editor.push(' ', text.span(piece.begin));
    editor.copy(piece.begin, piece.end);
    piece = {begin, editor.size()};
  }
  editor.commit();
}

void spell_bytes(Text& text, std::vector<Piece>& pieces) {
  Text::Editor editor(text);
  for (Piece& piece : pieces) {
    const std::uint32_t begin = editor.size();
    for (std::size_t at = piece.begin; at < piece.end; ++at) {
      editor.push(byte_to_char(static_cast<unsigned char>(text.view()[at])), text.span(at));
    }
    piece = {begin, editor.size()};
  }
  editor.commit();
}

bool edits(const PreTokenizerSpec& step) {
  using Kind = PreTokenizerSpec::Kind;
  return step.kind == Kind::kByteLevel || step.kind == Kind::kMetaspace;
}

void cut(std::string_view text, std::vector<Piece>& pieces, const PreTokenizerSpec& step) {
  using Kind = PreTokenizerSpec::Kind;
  switch (step.kind) {
    case Kind::kByteLevel:
    case Kind::kMetaspace:
      break;  // edit
    case Kind::kBert:
      return bert(text, pieces);
    case Kind::kWhitespace:
      return words(text, pieces);
    case Kind::kWhitespaceSplit:
      return cut_at_classes(text, pieces, Class::kSpace, Behavior::kRemoved);
    case Kind::kDigits:
      return cut_at_classes(text, pieces, Class::kNumeric,
                            step.individual_digits ? Behavior::kIsolated : Behavior::kContiguous);
    case Kind::kPunctuation:
      return cut_at_classes(text, pieces, Class::kPunctuation, step.behavior);
    case Kind::kSplit:
      return cut_at_pattern(text, pieces, step);
    case Kind::kUnicodeScripts:
      return cut_at_scripts(text, pieces);
    case Kind::kFixedLength:
      return cut_lengths(text, pieces, step.length);
    case Kind::kSplitScanner:
      return scan(text, pieces, step.scanner);
  }
}

std::vector<Piece> whole(std::string_view text) {
  if (text.empty()) return {};
  return {{0, static_cast<std::uint32_t>(text.size())}};
}

}  // namespace

bool PreTokenizer::is_bert() const {
  return steps_.size() == 1 && steps_[0].kind == PreTokenizerSpec::Kind::kBert;
}

std::optional<SpaceMarks> PreTokenizer::marks_spaces(bool has_none) const {
  using Kind = PreTokenizerSpec::Kind;
  using Prepend = PreTokenizerSpec::Prepend;
  auto step = steps_.begin();
  SpaceMarks marks;
  const auto finds_spaces = [](const PatternSpec& pattern) {
    return pattern.kind == PatternSpec::Kind::kLiteral && pattern.literal == " ";
  };
  if (has_none && step != steps_.end() && step->kind == Kind::kSplit && !step->invert &&
      finds_spaces(step->pattern)) {
    ++step;
  }
  if (step == steps_.end()) return marks;
  if (step->kind == Kind::kWhitespaceSplit) {
    marks.drops_spaces = true;
    ++step;
  }
  if (step + 1 != steps_.end() || step->kind != Kind::kMetaspace) return std::nullopt;
  if (step->replacement != U'\u2581') return std::nullopt;
  marks.replaces = true;
  marks.splits = step->split;
  marks.prepend = step->prepend;
  // Words without spaces must have a mark each.
  const bool is_clear = !marks.drops_spaces || (marks.splits && marks.prepend == Prepend::kAlways);
  return is_clear ? std::optional(marks) : std::nullopt;
}

PreTokenizer::PreTokenizer(std::vector<PreTokenizerSpec> steps, bool bytes)
    : steps_(std::move(steps)), bytes_(bytes) {
  using Kind = PreTokenizerSpec::Kind;
  constexpr const char* kWhere = "pre_tokenizer";
  for (const PreTokenizerSpec& step : steps_) {
    check_pattern(step.pattern, kWhere);
    check<TokenizerError>(unicode::is_character(step.replacement), kWhere, "the replacement ",
                          static_cast<std::uint32_t>(step.replacement), " is no character");
    check<TokenizerError>(step.length > 0, kWhere, "the length is ", step.length,
                          ", expected at least 1");
  }
  if (!bytes_ || steps_.back().add_prefix_space) return;
  const std::size_t last = steps_.size() - 1;
  const bool is_whole = steps_[last].use_regex;
  if (!is_whole && (last == 0 || steps_[last - 1].kind != Kind::kSplitScanner)) return;
  before_scanner_ = is_whole ? last : last - 1;
  if (std::any_of(steps_.begin(), steps_.end() - 1, edits)) return;
  scanner_ = is_whole ? PreTokenizerSpec::Scanner::kGpt2 : steps_[last - 1].scanner;
}

void PreTokenizer::cut_before_scanner(std::string_view text, std::vector<Piece>& pieces) const {
  pieces = whole(text);
  for (std::size_t i = 0; i < before_scanner_; ++i) cut(text, pieces, steps_[i]);
}

void PreTokenizer::split(Text& text, std::vector<Piece>& pieces) const {
  using Kind = PreTokenizerSpec::Kind;
  pieces = whole(text.view());
  for (const PreTokenizerSpec& step : steps_) {
    if (step.kind == Kind::kByteLevel) {
      if (step.add_prefix_space) prefix_spaces(text, pieces);
      if (step.use_regex) scan(text.view(), pieces, PreTokenizerSpec::Scanner::kGpt2);
      if (!bytes_ || &step != &steps_.back()) spell_bytes(text, pieces);
    } else if (step.kind == Kind::kMetaspace) {
      metaspace(text, pieces, step);
    } else {
      cut(text.view(), pieces, step);
    }
  }
}

}  // namespace quatrain::tokenizer
