// What single steps of a decoder do to a token, or to a text of which more may come.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "tokenizer/decoder.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
// No step may make more of a token: a file could double a text again and again.
inline constexpr std::size_t kMostGrown = std::size_t{1} << 26;

// Moves what is certain from `pending` to `out`; each ill-formed part becomes U+FFFD.
void move_text(std::string& pending, std::string& out, bool is_last);

std::string replaced(std::string_view text, const PatternSpec& pattern, std::string_view content);
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

std::string word_piece(const DecoderSpec& spec, std::string_view token, bool is_first);
std::string metaspace(const DecoderSpec& spec, std::string_view token, bool is_first);
std::string ctc(const DecoderSpec& spec, std::string_view token);

// Takes from a text, of which more may come, what Strip leaves for certain.
void strip(const DecoderSpec& spec, Decoder::State::Step& state, std::string_view text,
           std::string& out);

// Whether a Replace can be done on a text of which more may come.
bool replaces_parts(const DecoderSpec& spec);
// Replaces in what is held of such a text; what may begin a match is kept there.
void replace_known(const DecoderSpec& spec, std::string& held, std::string& out);

}  // namespace quatrain::tokenizer
