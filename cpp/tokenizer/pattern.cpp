#include "tokenizer/pattern.h"

#include <algorithm>

#include "core/check.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

// Where much of a literal stands at every place, the search costs its length each time.
constexpr std::size_t kLongestLiteral = 1024;
// They are tried one after the other for every character.
constexpr std::size_t kMostRanges = 64;

Piece piece(std::size_t begin, std::size_t end) {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

std::vector<Piece> find_runs(const PatternSpec& pattern, std::string_view text) {
  const auto& table = unicode::class_table();
  const auto is_member = [&](char32_t c) {
    return (table[c] & pattern.classes) ||
           std::any_of(pattern.ranges.begin(), pattern.ranges.end(),
                       [c](const auto& range) { return range.first <= c && c <= range.second; });
  };
  std::vector<Piece> found;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin, next = begin;
    std::int64_t count = 0;
    while (count < pattern.most && next < text.size() && is_member(unicode::decode(text, next))) {
      end = next;
      ++count;
    }
    if (count >= pattern.least) found.push_back(piece(begin, end));
    // A run that is too short has no long enough part either.
    begin = count > 0 ? end : next;
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
      check<TokenizerError>(pattern.literal.size() <= kLongestLiteral, where, "a literal of ",
                            pattern.literal.size(), " bytes, expected at most ", kLongestLiteral);
      return check<TokenizerError>(unicode::is_valid(pattern.literal), where,
                                   "the literal is not valid UTF-8");
    case PatternSpec::Kind::kRun:
      check<TokenizerError>(pattern.ranges.size() <= kMostRanges, where, "a class of ",
                            pattern.ranges.size(), " ranges, expected at most ", kMostRanges);
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
