#include "tokenizer/marked_words.h"

#include <algorithm>
#include <utility>

#include "tokenizer/bytes.h"
#include "tokenizer/graphemes.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;
using Kind = NormalizerSpec::Kind;

// Whether every run of two spaces and more is one match, which one space replaces.
bool is_join(const NormalizerSpec& spec) {
  const PatternSpec& pattern = spec.pattern;
  return spec.kind == Kind::kReplace && spec.content == " " &&
         pattern.kind == PatternSpec::Kind::kRun && pattern.classes == 0 && !pattern.outside &&
         pattern.least <= 2 && pattern.most > UINT32_MAX &&
         pattern.lead == PatternSpec::Lead::kNone && !pattern.to_line_end &&
         pattern.ranges == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{' ', ' '}};
}

bool is_replacement(const NormalizerSpec& spec) {
  return spec.kind == Kind::kReplace && spec.content == MarkedWords::kMark &&
         spec.pattern.kind == PatternSpec::Kind::kLiteral && spec.pattern.literal == " ";
}

bool is_prefix(const NormalizerSpec& spec) {
  return spec.kind == Kind::kPrepend && spec.content == MarkedWords::kMark;
}

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
  apart_.resize(kTable, kKeyed);
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
  for (unsigned char c = 0; c < 128; ++c) {
    is_plain_[c] = characters_[c].first > 0;
    is_kept_[c] = is_plain_[c] && c != ' ' && form(c) == std::string(1, static_cast<char>(c));
  }
  for (unsigned char left = 0; left < 128; ++left) {
    for (unsigned char right = 0; right < 128; ++right) {
      const bool are_plain = is_plain_[left] && is_plain_[right];
      const bool is_cut = cuts(characters_[left].last, characters_[right].first);
      stops_.set(left, right, is_cut || !are_plain);
    }
  }
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
  const std::uint32_t none = model_.byte_ids() ? kBytes : model_.unknown().value_or(kKeyed);
  const std::vector<std::uint32_t> ids = model_.vocabulary().character_ids();
  for (Character& character : characters_) {
    if (character.alone != kBytes) continue;
    const std::uint32_t id = ids[character.first];
    character.alone = id == UINT32_MAX ? none : id;
  }
  if (steps_.marks.splits) return;  // characters may depend on what is beside them
  for (char32_t c = 0; c < kTable; ++c) {
    const std::uint32_t alone = characters_[c].alone;
    if (!boundaries_->may_join(c) && alone != model_.fused()) apart_[c] = alone;
  }
}

}  // namespace quatrain::tokenizer
