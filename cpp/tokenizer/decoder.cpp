#include "tokenizer/decoder.h"

#include <utility>

#include "core/check.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

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

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

// Undoes the spaces that splitting English put before punctuation and contractions.
void clean_up(std::string& text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) replace_all(text, from, to);
}

}  // namespace

Decoder::Decoder(const std::vector<DecoderSpec>& steps) {
  for (const DecoderSpec& step : steps) {
    if (step.kind == DecoderSpec::Kind::kFuse) {  // the text is one string in any case
      if (kind_ == Kind::kSpaced) kind_ = Kind::kConcatenate;
      continue;
    }
    check<TokenizerError>(kind_ == Kind::kSpaced, "decoder",
                          "a sequence in which ByteLevel or WordPiece follows another decoder is "
                          "not supported");
    kind_ = step.kind == DecoderSpec::Kind::kByteLevel ? Kind::kByteLevel : Kind::kWordPiece;
    prefix_ = step.prefix;
    cleanup_ = step.cleanup;
  }
}

void Decoder::push(State& state, std::string_view token, std::string& out) const {
  const bool is_first = std::exchange(state.is_first, false);
  switch (kind_) {
    case Kind::kByteLevel:
      append_token_bytes(state.pending, token);
      return move_text(state.pending, out, false);
    case Kind::kWordPiece: {
      std::string text;
      if (is_first) {
        text = token;
      } else if (token.starts_with(prefix_)) {
        text = token.substr(prefix_.size());
      } else {
        text = " ";
        text += token;
      }
      if (cleanup_) clean_up(text);
      out += text;
      return;
    }
    case Kind::kSpaced:
      if (!is_first) out += ' ';
      [[fallthrough]];
    case Kind::kConcatenate:
      out += token;
  }
}

void Decoder::flush(State& state, std::string& out) const {
  move_text(state.pending, out, true);
  state.is_first = true;
}

std::string Decoder::token_bytes(std::string_view token) const {
  std::string bytes;
  if (kind_ == Kind::kByteLevel) {
    append_token_bytes(bytes, token);
  } else {
    bytes = token;
  }
  return bytes;
}

}  // namespace quatrain::tokenizer
