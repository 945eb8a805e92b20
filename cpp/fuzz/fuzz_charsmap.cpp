// A charsmap, sound or damaged: refused, or safe to walk along any text.
#include <cstdlib>
#include <memory>

#include "core/check.h"
#include "fuzz/charsmap.h"
#include "tokenizer/precompiled.h"
#include "tokenizer/sentencepiece_normalizer.h"

using namespace quatrain;

namespace {

void check_text(const tokenizer::Text& text) {
  if (!unicode::is_valid(text.view())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  try {
    const std::string given = bytes.long_text(1000);
    const auto charsmap = std::make_shared<const tokenizer::Charsmap>(fuzz::charsmap(bytes));
    tokenizer::SentencePieceNormalizer::Options options;
    if (bytes.flag()) options.user_defined = {{"ab", 0}, {"\xE2\x96\x81", 1}};
    options.add_dummy_prefix = bytes.flag();
    options.remove_extra_whitespaces = bytes.flag();
    options.escape_whitespaces = bytes.flag();
    options.whitespace_as_suffix = bytes.flag();
    const tokenizer::SentencePieceNormalizer normalizer(charsmap, options);
    for (std::size_t at = 0; at < given.size(); ++at) {
      const std::string_view rest = std::string_view(given).substr(at);
      const auto shortest = charsmap->shortest(rest), longest = charsmap->longest(rest);
      if (shortest.size > longest.size || longest.size > rest.size()) std::abort();
    }
    tokenizer::Source source;
    source.assign(given);
    tokenizer::Text text;
    text.assign(source, 0, given.size());
    tokenizer::rewrite_graphemes(*charsmap, text);
    check_text(text);
    text.assign(source, 0, given.size());
    normalizer.apply(text);
    check_text(text);
  } catch (const TokenizerError&) {
  } catch (const InputError&) {
  }
  return 0;
}
