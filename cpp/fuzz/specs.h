// Tokenizer descriptions from a fuzzer's bytes: anything that the type can say, sound or not.
#pragma once
#include "fuzz/bytes.h"
#include "tokenizer/spec.h"

namespace quatrain::fuzz {

// Up to `most` of what `make` makes.
template <class Make>
auto some(Bytes& bytes, std::size_t most, Make make) {
  std::vector<decltype(make(bytes))> items;
  for (std::size_t left = bytes.below(most + 1); left > 0; --left) items.push_back(make(bytes));
  return items;
}

// A few letters, so that merges and words meet; spelled bytes, pieces and affixes.
std::string token(Bytes& bytes);
tokenizer::NormalizerSpec normalizer(Bytes& bytes);
tokenizer::PreTokenizerSpec pre_tokenizer(Bytes& bytes);
tokenizer::ModelSpec model(Bytes& bytes, tokenizer::ModelSpec::Kind kind,
                           bool sentencepiece = false);
// Every byte has a token, and the rest are spelled bytes or cannot occur.
tokenizer::ModelSpec byte_level_model(Bytes& bytes);
std::vector<tokenizer::AddedTokenSpec> added_tokens(Bytes& bytes,
                                                    const tokenizer::ModelSpec& model);
tokenizer::PostProcessorSpec post_processor(Bytes& bytes, const tokenizer::ModelSpec& model);
tokenizer::DecoderSpec decoder(Bytes& bytes);
// Any steps, or those that real files have, for which there are fast ways.
tokenizer::TokenizerSpec tokenizer_spec(Bytes& bytes);
tokenizer::LengthSpec lengths(Bytes& bytes);

}  // namespace quatrain::fuzz
