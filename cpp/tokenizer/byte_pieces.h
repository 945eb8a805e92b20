// The pieces <0x00> to <0xFF>, each of which stands for one byte.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizer/vocabulary.h"

namespace quatrain::tokenizer {

std::string byte_piece(std::size_t byte);

// The byte that a piece stands for, if it stands for one; its digits may be small letters.
std::optional<char> piece_byte(std::string_view piece);

// Their ids, by the byte; UINT32_MAX where the vocabulary lacks the piece.
std::array<std::uint32_t, 256> byte_piece_ids(const Vocabulary& vocabulary);

}  // namespace quatrain::tokenizer
