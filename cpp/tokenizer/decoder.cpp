#include "tokenizer/decoder.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "core/check.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/pattern.h"
#include "tokenizer/sentencepiece_decoder.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
// A longer literal is looked for when the whole text is there.
constexpr std::size_t kLongestStreamed = 64;
// No chain of replacements may make more: a file could double a text again and again.
constexpr std::size_t kMostGrown = std::size_t{1} << 26;

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

// Moves what is certain from `pending` to `out`; each ill-formed part becomes U+FFFD.
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

std::string replaced(std::string_view text, const std::vector<Piece>& matches,
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

std::string replaced(std::string_view text, const PatternSpec& pattern, std::string_view content) {
  return text.empty() ? std::string() : replaced(text, find_matches(pattern, text), content);
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  return replaced(text, find_literal(from, text), to);
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

// The byte that a token like <0x0A> stands for.
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(byte);
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

// Takes from a text, of which more may come, what Strip leaves for certain.
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

// Replaces in what is held of a text; what may begin a match is kept there.
void replace_known(const DecoderSpec& spec, std::string& held, std::string& out) {
  const std::string& literal = spec.pattern.literal;
  const std::vector<Piece> matches = find_literal(literal, held);
  const std::string_view rest =
      std::string_view(held).substr(matches.empty() ? 0 : matches.back().end);
  std::size_t kept = std::min(rest.size(), literal.size() - 1);
  while (kept > 0 && !literal.starts_with(rest.substr(rest.size() - kept))) --kept;
  out.append(replaced(std::string_view(held).substr(0, held.size() - kept), matches, spec.content));
  held.erase(0, held.size() - kept);
}

bool replaces_parts(const DecoderSpec& spec) {
  const std::string& literal = spec.pattern.literal;
  return spec.pattern.kind == PatternSpec::Kind::kLiteral && !literal.empty() &&
         literal.size() <= kLongestStreamed;
}

}  // namespace

Decoder::Decoder(const std::vector<DecoderSpec>& steps) : steps_(steps) {
  constexpr const char* kWhere = "decoder";
  for (const DecoderSpec& step : steps_) {
    check_pattern(step.pattern, kWhere);
    for (const std::string* text :
         {&step.prefix, &step.suffix, &step.pad_token, &step.word_delimiter, &step.content}) {
      check<TokenizerError>(unicode::is_valid(*text), kWhere, "a text is not valid UTF-8");
    }
    check<TokenizerError>(unicode::is_character(step.character), kWhere, "the character ",
                          static_cast<std::uint32_t>(step.character), " is none");
    check<TokenizerError>(step.start >= 0 && step.stop >= 0, kWhere, "strips ", step.start, " and ",
                          step.stop, " characters, expected at least 0");
  }
}

// What one token, or the end, sets off. Each call is about the list that step `i` is given.
class Decoder::Pass {
 public:
  Pass(const std::vector<DecoderSpec>& steps, State& state, std::string& out)
      : steps_(steps), state_(state), out_(out) {
    state_.steps.resize(steps_.size());
  }

  // A whole token.
  void token(std::size_t i, std::string_view token) {
    using Kind = DecoderSpec::Kind;
    if (i == steps_.size()) {
      out_.append(token);
      return;
    }
    const DecoderSpec& spec = steps_[i];
    State::Step& state = state_.steps[i];
    const bool is_first = state.count == 0;
    switch (spec.kind) {
      case Kind::kByteLevel:
        append_token_bytes(state.held, token);
        return move_text(i, false);
      case Kind::kFuse:
        return part(i + 1, token);
      case Kind::kWordPiece:
        state.count = 1;
        return this->token(i + 1, word_piece(spec, token, is_first));
      case Kind::kMetaspace:
        state.count = 1;
        return this->token(i + 1, metaspace(spec, token, is_first));
      case Kind::kBpe:
        if (state.is_inside) this->token(i + 1, replaced(state.held, spec.suffix, " "));
        // Its suffix is a space unless it is the last.
        state.is_inside = token.find(spec.suffix) != std::string_view::npos;
        if (!state.is_inside) return this->token(i + 1, token);
        state.held = token;
        return;
      case Kind::kByteFallback:
        if (const auto byte = fallback_byte(token)) {
          state.held.push_back(*byte);
          return;
        }
        pass_bytes(i);
        return this->token(i + 1, token);
      case Kind::kCtc: {
        if (state.is_inside && state.held == token) return;
        state.is_inside = true;
        state.held = token;
        const std::string text = ctc(spec, token);
        if (!text.empty()) this->token(i + 1, text);
        return;
      }
      case Kind::kReplace:
        return this->token(i + 1, replaced(token, spec.pattern, spec.content));
      case Kind::kSentencePiece:
        return part(i + 1, spec.sentencepiece->push(state, token));
      case Kind::kStrip: {
        State::Step own;
        std::string text;
        strip(spec, own, token, text);
        return this->token(i + 1, text);
      }
    }
  }

  // A part of a token; end() follows behind the last.
  void part(std::size_t i, std::string_view text) {
    if (i == steps_.size()) {
      out_.append(text);
      return;
    }
    const DecoderSpec& spec = steps_[i];
    State::Step& state = state_.steps[i];
    std::string known;
    if (spec.kind == DecoderSpec::Kind::kFuse) {
      part(i + 1, text);
    } else if (spec.kind == DecoderSpec::Kind::kStrip) {
      strip(spec, state, text, known);
      part(i + 1, known);
    } else if (spec.kind == DecoderSpec::Kind::kReplace && replaces_parts(spec)) {
      state.held.append(text);
      replace_known(spec, state.held, known);
      part(i + 1, known);
    } else {
      state.part.append(text);
    }
  }

  void end(std::size_t i) {
    if (i == steps_.size() || steps_[i].kind == DecoderSpec::Kind::kFuse) return;
    const DecoderSpec& spec = steps_[i];
    State::Step& state = state_.steps[i];
    if (spec.kind == DecoderSpec::Kind::kStrip) {
      state = {};
      end(i + 1);
    } else if (spec.kind == DecoderSpec::Kind::kReplace && replaces_parts(spec)) {
      part(i + 1, std::exchange(state.held, {}));
      end(i + 1);
    } else {
      token(i, std::exchange(state.part, {}));
    }
  }

  // The end of the list.
  void finish(std::size_t i) {
    if (i == steps_.size()) return;
    const DecoderSpec& spec = steps_[i];
    State::Step& state = state_.steps[i];
    switch (spec.kind) {
      case DecoderSpec::Kind::kByteLevel:
        move_text(i, true);
        [[fallthrough]];
      case DecoderSpec::Kind::kFuse:
        end(i + 1);
        break;
      case DecoderSpec::Kind::kBpe:
        if (state.is_inside) token(i + 1, replaced(state.held, spec.suffix, ""));
        break;
      case DecoderSpec::Kind::kByteFallback:
        pass_bytes(i);
        break;
      case DecoderSpec::Kind::kSentencePiece:
        part(i + 1, spec.sentencepiece->finish(state));
        break;
      default:
        break;
    }
    state = {};
    finish(i + 1);
  }

 private:
  // Passes on the whole characters of the bytes that step `i` holds.
  void move_text(std::size_t i, bool is_last) {
    std::string& held = state_.steps[i].held;
    if (i + 1 == steps_.size()) return tokenizer::move_text(held, out_, is_last);
    std::string text;
    tokenizer::move_text(held, text, is_last);
    part(i + 1, text);
  }

  // Passes on a run of bytes: one token if they are text, else one for each.
  void pass_bytes(std::size_t i) {
    const std::string bytes = std::exchange(state_.steps[i].held, {});
    if (bytes.empty()) return;
    if (unicode::is_valid(bytes)) return token(i + 1, bytes);
    for (std::size_t at = 0; at < bytes.size(); ++at) token(i + 1, kReplacement);
  }

  const std::vector<DecoderSpec>& steps_;
  State& state_;
  std::string& out_;
};

void Decoder::push(State& state, std::string_view token, std::string& out) const {
  if (steps_.empty() && !state.is_first) out += ' ';
  state.is_first = false;
  Pass(steps_, state, out).token(0, token);
}

void Decoder::flush(State& state, std::string& out) const {
  Pass(steps_, state, out).finish(0);
  state = {};
}

std::string Decoder::token_bytes(std::string_view token) const {
  using Kind = DecoderSpec::Kind;
  std::string bytes(token);
  for (const DecoderSpec& step : steps_) {
    switch (step.kind) {
      case Kind::kByteLevel: {
        const std::string spelled = std::exchange(bytes, {});
        append_token_bytes(bytes, spelled);
        break;
      }
      case Kind::kWordPiece:
        bytes = word_piece(step, bytes, false);
        break;
      case Kind::kMetaspace:
        bytes = metaspace(step, bytes, false);
        break;
      case Kind::kBpe:
        bytes = replaced(bytes, step.suffix, " ");
        break;
      case Kind::kByteFallback:
        if (const auto byte = fallback_byte(bytes)) bytes = *byte;
        break;
      case Kind::kCtc:
        bytes = ctc(step, bytes);
        break;
      case Kind::kReplace:
        bytes = replaced(bytes, step.pattern, step.content);
        break;
      case Kind::kFuse:
      case Kind::kSentencePiece:
      case Kind::kStrip:  // of the ends of a text
        break;
    }
    // What is a part of a character is nothing to the steps that follow.
    if (!unicode::is_valid(bytes)) break;
  }
  return bytes;
}

}  // namespace quatrain::tokenizer
