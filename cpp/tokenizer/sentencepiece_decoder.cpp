#include "tokenizer/sentencepiece_decoder.h"

#include "tokenizer/byte_pieces.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81", kReplacement = "\xEF\xBF\xBD";

// Whether bytes may follow that make a character of these.
bool may_begin(std::string_view bytes) {
  const std::size_t size = unicode::length(bytes[0]);
  if (unicode::is_continuation(bytes[0]) || size <= bytes.size()) return false;
  // The smallest and the largest second byte tell overlong forms, surrogates and what is too large.
  for (const char fill : {'\x80', '\x90', '\xA0', '\xBF'}) {
    std::string whole(bytes);
    whole.resize(size, fill);
    if (unicode::is_valid(whole)) return true;
  }
  return false;
}

}  // namespace

void SentencePieceDecoder::put(State& state, std::string_view text, std::string& out) const {
  if (text.empty()) return;
  state.count = 1;
  (options_.denormalizer ? state.part : out).append(text);
}

void SentencePieceDecoder::put_bytes(State& state, bool is_last, std::string& out) const {
  const std::string_view bytes = state.held;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::string_view rest = bytes.substr(at);
    const std::size_t size = unicode::length(rest[0]);
    if (size <= rest.size() && unicode::is_valid(rest.substr(0, size))) {
      put(state, rest.substr(0, size), out);
      at += size;
    } else if (!is_last && may_begin(rest)) {
      break;
    } else {
      put(state, kReplacement, out);
      ++at;
    }
  }
  state.held.erase(0, at);
}

std::string SentencePieceDecoder::push(State& state, std::string_view piece) const {
  std::string out;
  if (const auto byte = options_.has_bytes ? piece_byte(piece) : std::nullopt) {
    state.held.push_back(*byte);
    put_bytes(state, false, out);
    return out;
  }
  put_bytes(state, true, out);
  if (state.count > 0) state.is_inside = true;
  if (options_.control.contains(piece)) return out;
  if (piece == options_.unknown) {
    put(state, options_.unknown_surface, out);
    return out;
  }
  if (!state.is_inside && options_.strips_first && piece.starts_with(kSpace)) {
    piece.remove_prefix(kSpace.size());
    if (!options_.strips_all) state.is_inside = true;
  }
  std::string text;
  for (std::size_t at = 0; at < piece.size();) {
    const bool is_space = piece.substr(at).starts_with(kSpace);
    const std::size_t size = is_space ? kSpace.size() : unicode::length(piece[at]);
    text.append(is_space ? " " : piece.substr(at, size));
    at += size;
  }
  put(state, text, out);
  return out;
}

std::string SentencePieceDecoder::finish(State& state) const {
  std::string out;
  put_bytes(state, true, out);
  if (!options_.denormalizer) return out;
  Source source;
  source.assign(state.part);
  Text text;
  text.assign(source, 0, state.part.size());
  options_.denormalizer->apply(text);
  return std::string(text.view());
}

}  // namespace quatrain::tokenizer
