#include "tokenizer/decoder_steps.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/check.h"
#include "tokenizer/pattern.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

// A longer literal is looked for when the whole text is there.
constexpr std::size_t kLongestStreamed = 64;

// The length of the longest prefix of `bytes` (not empty) that begins some well-formed character,
// and whether it is the whole of one. Never 0: a byte that begins none counts as one.
std::pair<std::size_t, bool> character_prefix(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t size = unicode::length(bytes[0]);
  for (std::size_t i = 1; i < size; ++i) {
    // The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF.
    unsigned char low = 0x80, high = 0xBF;
    if (i == 1 && lead == 0xE0) low = 0xA0;
    if (i == 1 && lead == 0xED) high = 0x9F;
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;
    if (i == bytes.size() || byte(i) < low || byte(i) > high) return {i, false};
  }
  return {size, true};
}

std::string spliced(std::string_view text, const std::vector<Piece>& matches,
                    std::string_view content) {
  const std::size_t longest = text.size() + matches.size() * content.size();
  check(longest <= kMostGrown || content.empty(), "decode", "the decoder makes more than ",
        kMostGrown, " bytes of a token");
  std::string out;
  std::size_t seen = 0;
  for (const Piece& match : matches) {
    out.append(text.substr(seen, match.begin - seen)).append(content);
    seen = match.end;
  }
  return out.append(text.substr(seen));
}

// Undoes the spaces that splitting English put before punctuation and contractions.
std::string cleaned(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) {
    if (text.find(from) != std::string::npos) text = replaced(text, from, to);
  }
  return text;
}

}  // namespace

void move_text(std::string& pending, std::string& out, bool is_last) {
  std::size_t at = 0;
  while (at < pending.size()) {
    const std::string_view rest = std::string_view(pending).substr(at);
    const auto [size, is_whole] = character_prefix(rest);
    if (is_whole) {
      out.append(rest.substr(0, size));
    } else {
      const auto lead = static_cast<unsigned char>(rest[0]);
      const bool may_begin = lead >= 0xC2 && lead <= 0xF4;
      if (size == rest.size() && may_begin && !is_last) break;  // more bytes may complete it
      out.append(kReplacement);
    }
    at += size;
  }
  pending.erase(0, at);
}

std::string replaced(std::string_view text, const PatternSpec& pattern, std::string_view content) {
  return text.empty() ? std::string() : spliced(text, find_matches(pattern, text), content);
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  return spliced(text, find_literal(from, text), to);
}

std::string word_piece(const DecoderSpec& spec, std::string_view token, bool is_first) {
  std::string text;
  if (is_first) {
    text = token;
  } else if (token.starts_with(spec.prefix)) {
    text = token.substr(spec.prefix.size());
  } else {
    text.append(" ").append(token);
  }
  return spec.cleanup ? cleaned(std::move(text)) : text;
}

std::string metaspace(const DecoderSpec& spec, std::string_view token, bool is_first) {
  std::string text;
  for (std::size_t at = 0; at < token.size();) {
    const std::size_t begin = at;
    if (unicode::decode(token, at) != spec.character) {
      text.append(token.substr(begin, at - begin));
    } else if (!is_first || !spec.drops_first) {
      text.push_back(' ');
    }
  }
  return text;
}

std::string ctc(const DecoderSpec& spec, std::string_view token) {
  std::string text = replaced(token, spec.pad_token, "");
  return spec.cleanup ? replaced(cleaned(std::move(text)), spec.word_delimiter, " ") : text;
}

void strip(const DecoderSpec& spec, Decoder::State::Step& state, std::string_view text,
           std::string& out) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const bool is_match = unicode::decode(text, at) == spec.character;
    const std::string_view c = text.substr(begin, at - begin);
    if (!state.is_inside && is_match && state.count < spec.start) {
      ++state.count;
      continue;
    }
    state.is_inside = true;
    if (is_match && state.run < spec.stop) {
      ++state.run;
      continue;
    }
    // Of a run that is too long the rest goes: it is as good as the last ones.
    for (; !is_match && state.run > 0; --state.run) unicode::append(out, spec.character);
    out.append(c);
  }
}

void replace_known(const DecoderSpec& spec, std::string& held, std::string& out) {
  const std::string& literal = spec.pattern.literal;
  const std::vector<Piece> matches = find_literal(literal, held);
  const std::string_view rest =
      std::string_view(held).substr(matches.empty() ? 0 : matches.back().end);
  std::size_t kept = std::min(rest.size(), literal.size() - 1);
  while (kept > 0 && !literal.starts_with(rest.substr(rest.size() - kept))) --kept;
  out.append(spliced(std::string_view(held).substr(0, held.size() - kept), matches, spec.content));
  held.erase(0, held.size() - kept);
}

bool replaces_parts(const DecoderSpec& spec) {
  const std::string& literal = spec.pattern.literal;
  return spec.pattern.kind == PatternSpec::Kind::kLiteral && !literal.empty() &&
         literal.size() <= kLongestStreamed;
}

}  // namespace quatrain::tokenizer
