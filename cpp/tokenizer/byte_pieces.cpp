#include "tokenizer/byte_pieces.h"

#include <charconv>

namespace quatrain::tokenizer {

std::string byte_piece(std::size_t byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'};
}

std::optional<char> piece_byte(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  unsigned byte = 0;
  const auto [end, error] = std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  if (error != std::errc() || end != piece.data() + 5) return std::nullopt;
  return static_cast<char>(byte);
}

std::array<std::uint32_t, 256> byte_piece_ids(const Vocabulary& vocabulary) {
  std::array<std::uint32_t, 256> ids;
  for (std::size_t byte = 0; byte < ids.size(); ++byte) {
    ids[byte] = vocabulary.find(byte_piece(byte)).value_or(UINT32_MAX);
  }
  return ids;
}

}  // namespace quatrain::tokenizer
