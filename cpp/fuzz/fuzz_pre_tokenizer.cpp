// Normalizers and pre-tokenizers alone: pieces lie in the text, in order, and come from it.
#include <cstdlib>

#include "core/check.h"
#include "fuzz/specs.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"

using namespace quatrain;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  try {
    const std::string given = bytes.long_text(4000);
    std::vector<tokenizer::NormalizerSpec> normalizers;
    std::vector<tokenizer::PreTokenizerSpec> steps;
    for (auto left = bytes.below(3); left > 0; --left) {
      normalizers.push_back(fuzz::normalizer(bytes));
      tokenizer::check_normalizer(normalizers.back());
    }
    for (auto left = bytes.below(4); left > 0; --left) steps.push_back(fuzz::pre_tokenizer(bytes));
    const tokenizer::PreTokenizer pre_tokenizer(steps, false);
    tokenizer::Source source;
    source.assign(given);
    tokenizer::Text text;
    text.assign(source, 0, given.size());
    tokenizer::normalize(normalizers, text);
    std::vector<tokenizer::Piece> pieces;
    pre_tokenizer.split(text, pieces);
    std::uint32_t at = 0;
    for (const tokenizer::Piece& piece : pieces) {
      if (piece.begin < at || piece.end <= piece.begin || piece.end > text.size()) std::abort();
      const tokenizer::Span span = text.span(piece.begin, piece.end);
      if (span.end > source.character(given.size())) std::abort();
      if (!unicode::is_valid(text.view(piece))) std::abort();
      at = piece.end;
    }
  } catch (const InputError&) {
  } catch (const TokenizerError&) {
  }
  return 0;
}
