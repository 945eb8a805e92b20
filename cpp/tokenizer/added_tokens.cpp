#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/sought.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;

bool ends_with(std::string_view text, std::uint16_t classes) {
  std::size_t at = text.size();
  return at > 0 && (unicode::class_table()[unicode::decode_before(text, at)] & classes);
}

bool starts_with(std::string_view text, std::uint16_t classes) {
  std::size_t at = 0;
  return !text.empty() && (unicode::class_table()[unicode::decode(text, at)] & classes);
}

}  // namespace

AddedTokens::AddedTokens(const std::vector<AddedTokenSpec>& tokens, bool may_skip,
                         const Vocabulary& model, const std::vector<NormalizerSpec>& normalizers)
    : tokens_(tokens) {
  const char* where = "added_tokens";
  std::int64_t largest = -1;  // id so far
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedTokenSpec& token = tokens_[i];
    const std::uint32_t id = checked_id(token.id, where, token.content);
    check<TokenizerError>(!token.content.empty(), where, "token of id ", id, " is empty");
    check<TokenizerError>(unicode::is_valid(token.content), where, "token of id ", id,
                          " is not valid UTF-8");
    if (const auto known = model.find(token.content)) {
      check<TokenizerError>(*known == id, where, "token '", token.content, "' has id ", id,
                            ", but the vocabulary gives it ", *known);
    } else {
      check<TokenizerError>(!model.has(id), where, "token '", token.content, "' has id ", id,
                            ", which the vocabulary gives to '",
                            model.has(id) ? model.token(id) : "", "'");
      const std::int64_t next = std::max(largest + 1, static_cast<std::int64_t>(model.size()));
      check<TokenizerError>(may_skip || token.id == next, where, "token '", token.content,
                            "' has id ", id, ", but the next new token must have ", next);
    }
    largest = std::max(largest, token.id);
    check<TokenizerError>(by_id_.try_emplace(id, i).second, where, "id ", id, " appears twice");
    check<TokenizerError>(by_content_.try_emplace(token.content, i).second, where, "token '",
                          token.content, "' appears twice");
  }
  // Of two tokens with the same normalized form the first is found, special ones coming first.
  forms_.resize(tokens_.size());
  std::array<std::vector<DoubleArray::Entry>, 2> entries;
  for (const bool special : {true, false}) {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const AddedTokenSpec& token = tokens_[i];
      if (token.special != special) continue;
      std::string& pattern = forms_[i];
      pattern =
          token.normalized ? tokenizer::normalized(normalizers, token.content) : token.content;
      check<TokenizerError>(!pattern.empty(), where, "token '", token.content,
                            "' is normalized to nothing");
      check_sought(pattern, where, "the token with id ", token.id);
      Search& search = searches_[token.normalized];
      if (!search.has_any) search.begins = pattern[0];
      if (search.begins != pattern[0]) search.begins.reset();
      search.has_any = true;
      search.may_begin[static_cast<unsigned char>(pattern[0])] = true;
      entries[token.normalized].emplace_back(pattern, static_cast<std::uint32_t>(i));
    }
  }
  for (const bool is_normalized : {false, true}) {
    searches_[is_normalized].forms = DoubleArray(std::move(entries[is_normalized]));
  }
}

const AddedTokenSpec* AddedTokens::find(std::uint32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const std::string* AddedTokens::found_form(std::uint32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &forms_[found->second];
}

const AddedTokenSpec* AddedTokens::find(std::string_view content) const {
  const auto found = by_content_.find(content);
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

std::size_t AddedTokens::Search::candidate(std::string_view text, std::size_t at) const {
  if (!has_any) return text.size();
  if (begins) return std::min(text.find(*begins, at), text.size());
  while (at < text.size() && !may_begin[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

void AddedTokens::split(std::string_view text, bool normalized, const Overlooks& overlooks,
                        std::vector<Part>& parts) const {
  const Search& search = searches_[normalized];
  parts.clear();
  const auto push = [&parts](std::size_t begin, std::size_t end, const AddedTokenSpec* token) {
    if (begin >= end) return;
    parts.push_back({{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)}, token});
  };
  std::size_t seen = 0;
  Piece spaces{0, 0};  // the last that a token took behind it: as tokens overlap, many may
  for (std::size_t at = 0; (at = search.candidate(text, at)) < text.size();) {
    const DoubleArray::Match match = search.forms.longest(text, at, 0, [&](const auto& found) {
      if (!overlooks) return true;
      const Piece piece{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(found.end)};
      return !overlooks(tokens_[found.value], piece);
    });
    if (match.value == DoubleArray::kNone) {
      ++at;
      continue;
    }
    const AddedTokenSpec& token = tokens_[match.value];
    std::size_t begin = at, end = match.end;
    at = match.end;
    if (token.single_word && (ends_with(text.substr(0, begin), Class::kWord) ||
                              starts_with(text.substr(end), Class::kWord))) {
      continue;
    }
    if (token.lstrip) {
      // Not beyond the token before, to which the spaces may belong already.
      while (begin > seen && ends_with(text.substr(0, begin), Class::kSpace)) {
        unicode::decode_before(text, begin);
      }
      begin = std::max(begin, seen);
    }
    if (token.rstrip) {
      if (end >= spaces.begin && end < spaces.end) {
        end = spaces.end;
      } else {
        spaces.begin = static_cast<std::uint32_t>(end);
        while (starts_with(text.substr(end), Class::kSpace)) unicode::decode(text, end);
        spaces.end = static_cast<std::uint32_t>(end);
      }
    }
    push(seen, begin, nullptr);
    push(begin, end, &token);
    seen = end;
  }
  push(seen, text.size(), nullptr);
}

}  // namespace quatrain::tokenizer
