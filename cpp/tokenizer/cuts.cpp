#include "tokenizer/cuts.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;

bool is_plain_letter(char32_t c) {  // which no normalizer turns into several characters
  const std::uint16_t classes = unicode::class_table()[c];
  return (classes & Class::kLetter) && !(classes & (Class::kCanonical | Class::kCompatible));
}

bool is_cut(std::string_view text, std::size_t at, CutRule rule) {
  if (!(text[at] == ' ' ? rule.at_space : text[at] == '\n' && rule.at_newline)) return false;
  return is_plain_letter(unicode::decode_before(text, at));
}

// Character by character, or by what belongs to a letter or to a space alone.
bool is_local(const NormalizerSpec& step) {
  using Kind = NormalizerSpec::Kind;
  switch (step.kind) {
    case Kind::kBert:
    case Kind::kLowercase:
    case Kind::kNfc:
    case Kind::kNfd:
    case Kind::kNfkc:
    case Kind::kNfkd:
    case Kind::kStripAccents:
      return true;
    default:
      return false;
  }
}

enum class Effect { kCuts, kLocal, kUnknown };

// Whether a step always cuts between a letter and a space, or at least does not join them.
Effect effect(const PreTokenizerSpec& step) {
  using Kind = PreTokenizerSpec::Kind;
  switch (step.kind) {
    case Kind::kBert:
    case Kind::kWhitespace:
    case Kind::kWhitespaceSplit:
    case Kind::kSplitScanner:
      return Effect::kCuts;
    case Kind::kByteLevel:
      return step.use_regex ? Effect::kCuts : Effect::kLocal;
    case Kind::kMetaspace:
      return step.split ? Effect::kCuts : Effect::kUnknown;
    case Kind::kDigits:
    case Kind::kPunctuation:
      return Effect::kLocal;
    default:
      return Effect::kUnknown;
  }
}

bool adds_space(const PreTokenizerSpec& step) {
  return step.kind == PreTokenizerSpec::Kind::kMetaspace || step.add_prefix_space;
}

// Whether the token may, in some normalized form, take what stands on both sides of a cut.
bool spans_cuts(const AddedTokenSpec& token) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n'; };
  const std::string& text = token.content;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (is_space(text[at]) && !is_space(text[at - 1])) return true;
  }
  constexpr std::string_view kEnds = ">]|})";
  return token.rstrip && (text.empty() || kEnds.find(text.back()) == std::string_view::npos);
}

}  // namespace

CutRule cut_rule(const TokenizerSpec& spec) {
  const auto& steps = spec.pre_tokenizers;
  const auto has = [&](Effect wanted) {
    return std::any_of(steps.begin(), steps.end(),
                       [&](const auto& step) { return effect(step) == wanted; });
  };
  if (!has(Effect::kCuts) || has(Effect::kUnknown)) return {};
  if (!std::all_of(spec.normalizers.begin(), spec.normalizers.end(), is_local)) return {};
  if (std::any_of(spec.added_tokens.begin(), spec.added_tokens.end(), spans_cuts)) return {};
  // A part that begins with a space is given none.
  return {true, std::none_of(steps.begin(), steps.end(), adds_space)};
}

std::size_t last_cut(std::string_view text, std::size_t from, CutRule rule) {
  for (std::size_t at = text.size(); at-- > std::max<std::size_t>(from, 1);) {
    if (is_cut(text, at, rule)) return at;
  }
  return 0;
}

}  // namespace quatrain::tokenizer
