// The ids of a byte-level text that a scanner cuts into words.
#pragma once
#include <string_view>

#include "tokenizer/byte_bpe.h"
#include "tokenizer/id_buffer.h"
#include "tokenizer/id_cache.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// Appends the ids of the text. Memory can be read up to `readable`.
void append_word_ids(PreTokenizerSpec::Scanner scanner, const ByteBpe& bpe, std::string_view text,
                     const char* readable, IdCache& cache, IdBuffer& out);

}  // namespace quatrain::tokenizer
