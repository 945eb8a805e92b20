#include "tokenizer/cuts.h"

#include <algorithm>

#include "tokenizer/normalizer.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using unicode::Class;

bool is_cut(std::string_view text, std::size_t at, CutRule rule) {
  if (!(text[at] == ' ' ? rule.at_space : text[at] == '\n' && rule.at_newline)) return false;
  const std::uint16_t classes = unicode::class_table()[unicode::decode_before(text, at)];
  // A letter that no normalizer turns into several characters.
  constexpr std::uint16_t kDecomposed = Class::kCanonical | Class::kCompatible;
  return (classes & Class::kLetter) && !(classes & kDecomposed) &&
         (rule.after_ideograph || !(classes & Class::kIdeograph));
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

// What a step does between a letter and a space: cuts always, leaves them as they are, writes the
// space in another way (which hides it from later steps), or something else.
enum class Effect { kCuts, kKeeps, kRewrites, kUnknown };

Effect effect(const PreTokenizerSpec& step) {
  using Kind = PreTokenizerSpec::Kind;
  using Behavior = PreTokenizerSpec::Behavior;
  switch (step.kind) {
    case Kind::kBert:
    case Kind::kWhitespace:
    case Kind::kWhitespaceSplit:
      return Effect::kCuts;
    case Kind::kSplitScanner:  // else words that were found are joined again
      return step.behavior == Behavior::kIsolated || step.behavior == Behavior::kRemoved
                 ? Effect::kCuts
                 : Effect::kUnknown;
    case Kind::kByteLevel:
      return step.use_regex ? Effect::kCuts : Effect::kRewrites;
    case Kind::kMetaspace:
      return step.split ? Effect::kCuts : Effect::kRewrites;
    case Kind::kDigits:
    case Kind::kPunctuation:
      return Effect::kKeeps;
    default:
      return Effect::kUnknown;
  }
}

bool adds_space(const PreTokenizerSpec& step) {
  return step.kind == PreTokenizerSpec::Kind::kMetaspace || step.add_prefix_space;
}

// Whether the token may, in some normalized form, take what stands on both sides of a cut.
bool spans_cuts(const AddedTokenSpec& token, const std::vector<NormalizerSpec>& normalizers) {
  const std::string text =
      token.normalized ? normalized(normalizers, token.content) : token.content;
  bool is_behind = false;  // behind a character other than a space
  for (std::size_t at = 0; at < text.size();) {
    const bool is_space = unicode::class_table()[unicode::decode(text, at)] & Class::kSpace;
    if (is_space && is_behind) return true;
    is_behind = !is_space;
  }
  constexpr std::string_view kEnds = ">]|})";
  return token.rstrip && (text.empty() || kEnds.find(text.back()) == std::string_view::npos);
}

}  // namespace

CutRule cut_rule(const TokenizerSpec& spec) {
  const auto& steps = spec.pre_tokenizers;
  bool is_cut = false, is_rewritten = false;
  for (const PreTokenizerSpec& step : steps) {
    const Effect found = effect(step);
    if (found == Effect::kUnknown || (found == Effect::kRewrites && !is_cut)) return {};
    if (adds_space(step) && is_rewritten)
      return {};  // it would not see that a part begins with one
    is_cut = is_cut || found == Effect::kCuts;
    is_rewritten = is_rewritten || step.kind == PreTokenizerSpec::Kind::kMetaspace ||
                   step.kind == PreTokenizerSpec::Kind::kByteLevel;
  }
  if (!is_cut) return {};
  if (!std::all_of(spec.normalizers.begin(), spec.normalizers.end(), is_local)) return {};
  const auto spans = [&](const AddedTokenSpec& token) {
    return spans_cuts(token, spec.normalizers);
  };
  if (std::any_of(spec.added_tokens.begin(), spec.added_tokens.end(), spans)) return {};
  // A part that begins with a space is given none.
  const auto surrounds = [](const NormalizerSpec& step) {
    return step.kind == NormalizerSpec::Kind::kBert && step.handle_chinese_chars;
  };
  return {
      .at_space = true,
      .at_newline = std::none_of(steps.begin(), steps.end(), adds_space),
      .after_ideograph = std::none_of(spec.normalizers.begin(), spec.normalizers.end(), surrounds)};
}

std::size_t last_cut(std::string_view text, std::size_t from, CutRule rule) {
  for (std::size_t at = text.size(); at-- > std::max<std::size_t>(from, 1);) {
    if (is_cut(text, at, rule)) return at;
  }
  return 0;
}

}  // namespace quatrain::tokenizer
