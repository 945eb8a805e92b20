#include "tokenizer/pattern.h"

#include <algorithm>
#include <optional>

#include "core/check.h"
#include "tokenizer/categories.h"
#include "tokenizer/sought.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

Piece piece(std::size_t begin, std::size_t end) {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

struct Run {
  std::size_t end, seen;  // the latter behind the first character that is of no run
  std::int64_t count;     // characters
};

// The one character, of ASCII, with which every match begins, if that is how the pattern is.
std::optional<char> sole_character(const PatternSpec& pattern) {
  if (pattern.outside || pattern.classes || pattern.lead != PatternSpec::Lead::kNone) return {};
  if (pattern.ranges.size() != 1) return {};
  const auto [first, last] = pattern.ranges[0];
  if (first != last || first >= 0x80) return {};
  return static_cast<char>(first);
}

std::vector<Piece> find_runs(const PatternSpec& pattern, std::string_view text) {
  using Lead = PatternSpec::Lead;
  const auto& table = unicode::category_table();
  const auto is_member = [&](char32_t c) {
    if (table[c] & pattern.classes) return !pattern.outside;
    const auto above =
        std::upper_bound(pattern.ranges.begin(), pattern.ranges.end(), c,
                         [](char32_t value, const auto& range) { return value < range.first; });
    const bool is_in = above != pattern.ranges.begin() && c <= std::prev(above)->second;
    return is_in != pattern.outside;
  };
  const auto is_lead = [&](char32_t c) {
    return pattern.lead == Lead::kSpace ? c == ' ' : (table[c] & unicode::kSpaces) != 0;
  };
  const auto run = [&](std::size_t begin) {
    Run result{begin, begin, 0};
    while (result.count < pattern.most && result.seen < text.size() &&
           is_member(unicode::decode(text, result.seen))) {
      result.end = result.seen;
      ++result.count;
    }
    return result;
  };
  const std::optional<char> sole = sole_character(pattern);
  std::vector<Piece> found;
  for (std::size_t begin = 0; begin < text.size();) {
    if (sole) begin = text.find(*sole, begin);
    if (begin == std::string_view::npos) break;
    std::size_t behind = begin;
    if (pattern.lead != Lead::kNone && is_lead(unicode::decode(text, behind)) &&
        behind < text.size()) {
      if (const Run led = run(behind); led.count >= pattern.least) {
        found.push_back(piece(begin, led.end));
        begin = led.end;
        continue;
      }
    }
    const Run plain = run(begin);
    if (plain.count >= pattern.least) {
      std::size_t end = plain.end;
      if (pattern.to_line_end && end < text.size()) {
        while (end > begin && text[end] != '\n') --end;
      }
      if (end > begin) found.push_back(piece(begin, end));
    }
    // A run that is too short has no long enough part either; and one has one end of a line that
    // counts, the last.
    begin = plain.count > 0 ? plain.end : plain.seen;
  }
  return found;
}

std::vector<Piece> find_regex(const PatternSpec& pattern, std::string_view text) {
  std::vector<Piece> found;
  std::uint32_t seen = 0;
  const auto is_boundary = [text](std::uint32_t at) {
    return at == text.size() || !unicode::is_continuation(text[at]);
  };
  for (const auto& [begin, end] : pattern.matcher(text)) {
    check<TokenizerError>(seen <= begin && begin <= end && end <= text.size() &&
                              is_boundary(begin) && is_boundary(end),
                          "regex", "a match at bytes ", begin, " to ", end, " of a text of ",
                          text.size(), " overlaps another or cuts a character");
    found.push_back({begin, end});
    seen = end;
  }
  return found;
}

}  // namespace

void check_pattern(const PatternSpec& pattern, const char* where) {
  switch (pattern.kind) {
    case PatternSpec::Kind::kLiteral:
      check_sought(pattern.literal, where, "a literal");
      return check<TokenizerError>(unicode::is_valid(pattern.literal), where,
                                   "the literal is not valid UTF-8");
    case PatternSpec::Kind::kRun:
      for (std::uint64_t i = 0, next = 0; i < pattern.ranges.size(); ++i) {
        const auto& [first, last] = pattern.ranges[i];
        check<TokenizerError>(next <= first && first <= last, where, "range ", i, " is ", first,
                              " to ", last, ", expected ascending ranges that do not overlap");
        next = std::uint64_t{last} + 1;
      }
      check<TokenizerError>(
          !pattern.to_line_end || (pattern.lead == PatternSpec::Lead::kNone && pattern.least == 1 &&
                                   pattern.most > UINT32_MAX),
          where, "a run to the end of a line, expected no lead and no bounds");
      return check<TokenizerError>(pattern.least >= 1 && pattern.most >= pattern.least, where,
                                   "a run of ", pattern.least, " to ", pattern.most,
                                   " characters, expected at least 1");
    case PatternSpec::Kind::kRegex:
      return check<TokenizerError>(static_cast<bool>(pattern.matcher), where,
                                   "the regular expression has no matcher");
  }
}

std::vector<Piece> find_literal(std::string_view literal, std::string_view text) {
  std::vector<Piece> found;
  if (literal.empty()) {
    for (std::size_t at = 0; at < text.size(); at += unicode::length(text[at])) {
      found.push_back(piece(at, at));
    }
    found.push_back(piece(text.size(), text.size()));
    return found;
  }
  found.reserve(16);  // as many as a sentence has spaces
  for (std::size_t at = text.find(literal); at != std::string_view::npos;) {
    found.push_back(piece(at, at + literal.size()));
    at = text.find(literal, at + literal.size());
  }
  return found;
}

std::vector<Piece> find_matches(const PatternSpec& pattern, std::string_view text) {
  switch (pattern.kind) {
    case PatternSpec::Kind::kLiteral:
      return find_literal(pattern.literal, text);
    case PatternSpec::Kind::kRun:
      return find_runs(pattern, text);
    case PatternSpec::Kind::kRegex:
      break;
  }
  return find_regex(pattern, text);
}

}  // namespace quatrain::tokenizer
