// Tokenizer descriptions from a fuzzer's bytes: anything that the type can say, sound or not.
#pragma once
#include "fuzz/bytes.h"
#include "tokenizer/spec.h"

namespace quatrain::fuzz {

tokenizer::NormalizerSpec normalizer(Bytes& bytes);
tokenizer::PreTokenizerSpec pre_tokenizer(Bytes& bytes);
tokenizer::TokenizerSpec tokenizer_spec(Bytes& bytes);
tokenizer::LengthSpec lengths(Bytes& bytes);

}  // namespace quatrain::fuzz
