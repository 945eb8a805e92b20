// A description from bytes, and a text through it: encode, decode, and decode as a stream.
#include <cstdlib>

#include "core/check.h"
#include "fuzz/specs.h"
#include "tokenizer/tokenizer.h"

using namespace quatrain;

namespace {

void check_encoding(const tokenizer::Tokenizer& tokenizer, const tokenizer::Encoding& encoding,
                    std::string_view text) {
  std::size_t characters = 0;
  for (const char byte : text) characters += (byte & 0xC0) != 0x80;
  for (const tokenizer::Span& span : encoding.offsets) {
    if (span.begin > span.end || span.end > characters) std::abort();
  }
  (void)tokenizer.tokens(encoding);
}

void check_decoding(const tokenizer::Tokenizer& tokenizer, const tokenizer::Encoding& encoding) {
  std::vector<std::int64_t> ids;
  for (const auto id : encoding.ids) {
    if (tokenizer.has(id)) ids.push_back(id);  // a padding token need not exist
  }
  const std::string whole = tokenizer.decode(ids, true);
  tokenizer::Decoder::State state;
  std::string streamed;
  for (const std::int64_t id : ids) tokenizer.decode_next(state, id, true, streamed);
  tokenizer.decoder().flush(state, streamed);
  if (streamed != whole) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  try {
    const tokenizer::Tokenizer tokenizer(fuzz::tokenizer_spec(bytes));
    const tokenizer::LengthSpec lengths = fuzz::lengths(bytes);
    const bool special = bytes.flag();
    const std::string text = bytes.rest(4096);
    const tokenizer::Encoding encoding =
        tokenizer.encode({text, std::nullopt, std::nullopt}, special, lengths, {});
    check_encoding(tokenizer, encoding, text);
    check_decoding(tokenizer, encoding);
    tokenizer.encode({text, text, std::nullopt}, special, lengths, {});
    std::vector<std::uint32_t> ids;
    tokenizer.append_ids(text, {}, ids);
  } catch (const InputError&) {
  } catch (const TokenizerError&) {
  }
  return 0;
}
