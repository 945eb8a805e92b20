#include "tokenizer/decoder.h"

#include <utility>

#include "core/check.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/byte_pieces.h"
#include "tokenizer/decoder_steps.h"
#include "tokenizer/pattern.h"
#include "tokenizer/sentencepiece_decoder.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

// How often what was read may pass from step to step, beyond what one token may become: a file
// could have each token become as much.
constexpr std::size_t kMostGrowth = 256;

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
    count(token);
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
        if (const auto byte = piece_byte(token)) {
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
    count(text);
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

  void count(std::string_view text) {
    state_.made += text.size();
    const std::size_t most = kMostGrown + kMostGrowth * (steps_.size() + 1) * state_.read;
    check(state_.made <= most, "decode", "the decoder makes more than ", most,
          " bytes of tokens of ", state_.read);
  }

  const std::vector<DecoderSpec>& steps_;
  State& state_;
  std::string& out_;
};

void Decoder::push(State& state, std::string_view token, std::string& out) const {
  if (steps_.empty() && !state.is_first) out += ' ';
  state.is_first = false;
  state.read += token.size();
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
        if (const auto byte = piece_byte(bytes)) bytes = *byte;
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
