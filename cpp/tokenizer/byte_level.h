// The alphabet of byte-level tokenizers: each byte has one printable character, so that a
// vocabulary of bytes can be written as text (GPT-2, Radford et al. 2019).
#pragma once
#include <string>
#include <string_view>

namespace quatrain::tokenizer {

// The character that stands for a byte: itself if printable Latin-1, else from U+0100 upwards.
char32_t byte_to_char(unsigned char byte);

// The byte that a character stands for, or -1.
int char_to_byte(char32_t c);

// Whether all characters of a token are of the alphabet.
bool is_spelled(std::string_view token);

// The bytes that a token spells, or its own UTF-8 if any character is not of the alphabet.
void append_token_bytes(std::string& bytes, std::string_view token);

}  // namespace quatrain::tokenizer
