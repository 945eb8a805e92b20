#include "tokenizer/byte_level.h"

#include <array>

#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

struct Alphabet {
  std::array<char32_t, 256> chars{};
  std::array<int, 512> bytes{};
  constexpr Alphabet() {
    bytes.fill(-1);
    char32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
      chars[static_cast<std::size_t>(byte)] = c;
      bytes[c] = byte;
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t byte_to_char(unsigned char byte) { return kAlphabet.chars[byte]; }

int char_to_byte(char32_t c) { return c < kAlphabet.bytes.size() ? kAlphabet.bytes[c] : -1; }

bool is_spelled(std::string_view token) {
  for (std::size_t at = 0; at < token.size();) {
    if (char_to_byte(unicode::decode(token, at)) < 0) return false;
  }
  return true;
}

void append_token_bytes(std::string& bytes, std::string_view token) {
  const std::size_t start = bytes.size();
  for (std::size_t at = 0; at < token.size();) {
    const int byte = char_to_byte(unicode::decode(token, at));
    if (byte < 0) {
      bytes.resize(start);
      bytes.append(token);
      return;
    }
    bytes.push_back(static_cast<char>(byte));
  }
}

}  // namespace quatrain::tokenizer
