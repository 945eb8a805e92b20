// A charsmap from bytes that mean nothing: refused, or safe to walk along any text.
#include <cstdlib>

#include "core/check.h"
#include "fuzz/bytes.h"
#include "tokenizer/precompiled.h"

using namespace quatrain;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  try {
    const std::size_t units = bytes.byte();
    std::string table{static_cast<char>(4 * units), static_cast<char>(4 * units >> 8), 0, 0};
    for (std::size_t left = 4 * units; left > 0; --left) {
      table.push_back(static_cast<char>(bytes.byte()));
    }
    table += bytes.raw(255);
    const tokenizer::Charsmap charsmap(table);
    const std::string given = bytes.rest(1024);
    for (std::size_t at = 0; at < given.size(); ++at) {
      const std::string_view rest = std::string_view(given).substr(at);
      const auto shortest = charsmap.shortest(rest), longest = charsmap.longest(rest);
      if (shortest.size > longest.size || longest.size > rest.size()) std::abort();
    }
    tokenizer::Source source;
    source.assign(given);
    tokenizer::Text text;
    text.assign(source, 0, given.size());
    tokenizer::rewrite_graphemes(charsmap, text);
  } catch (const TokenizerError&) {
  } catch (const InputError&) {
  }
  return 0;
}
