// A description from bytes, and a text through it: what encoding, its fast ways and decoding must
// agree on, whatever the description.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "core/check.h"
#include "fuzz/specs.h"
#include "tokenizer/documents.h"

using namespace quatrain;

namespace {

using tokenizer::Encoding;
using tokenizer::LengthSpec;
using tokenizer::SpecialRule;
using tokenizer::Tokenizer;
using Ids = std::vector<std::uint32_t>;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_encoding(const Tokenizer& tokenizer, const Encoding& encoding, std::string_view text) {
  std::size_t characters = 0;
  for (const char byte : text) characters += !unicode::is_continuation(byte);
  for (const tokenizer::Span& span : encoding.offsets) {
    require(span.begin <= span.end && span.end <= characters);
  }
  for (const std::string_view token : tokenizer.tokens(encoding)) {
    require(unicode::is_valid(token));
  }
}

// Ids alone are made in other ways than ids with offsets; twice, as words are remembered.
void check_ids(const Tokenizer& tokenizer, std::string_view text, bool special,
               const LengthSpec& lengths, const SpecialRule& rule, const Ids& expected) {
  for (int round = 0; round < 2; ++round) {
    tokenizer::IdBuffer ids;
    tokenizer.append_ids(text, special, lengths, rule, ids);
    require(std::ranges::equal(ids.ids(), expected));
    require(tokenizer.count(text, special, lengths, rule) == expected.size());
  }
}

// A document in parts, which come in blocks that need not end where a character does.
void check_document(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text,
                    const SpecialRule& rule, std::size_t part, std::size_t block,
                    const Ids& expected) {
  tokenizer::DocumentEncoder encoder(tokenizer, false, rule, 1, part);
  Ids ids;
  do {
    const std::size_t size = std::min(block, text.size());
    const auto output = encoder.push(text.substr(0, size), "", size == text.size());
    ids.insert(ids.end(), output.ids.begin(), output.ids.end());
    text.remove_prefix(size);
  } while (!text.empty());
  require(ids == expected);
}

void check_decoding(const Tokenizer& tokenizer, const Encoding& encoding) {
  std::vector<std::int64_t> ids;
  for (const auto id : encoding.ids) {
    if (tokenizer.has(id)) ids.push_back(id);  // a padding token need not exist
  }
  for (const bool skips : {true, false}) {
    const std::string whole = tokenizer.decode(ids, skips);
    require(unicode::is_valid(whole));
    tokenizer::Decoder::State state;
    std::string streamed, next;
    for (const std::int64_t id : ids) {
      next.clear();
      tokenizer.decode_next(state, id, skips, next);
      require(unicode::is_valid(next));
      streamed += next;
    }
    tokenizer.decoder().flush(state, streamed);
    require(streamed == whole);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  try {
    const std::string text = bytes.long_text(2000), first = bytes.text(20), second = bytes.text(20);
    const std::size_t part = bytes.byte(), block = bytes.byte() + std::size_t{1};
    const auto tokenizer = std::make_shared<const Tokenizer>(fuzz::tokenizer_spec(bytes));
    const LengthSpec lengths = fuzz::lengths(bytes);
    const LengthSpec unpadded{lengths.truncation, std::nullopt};
    const bool special = bytes.flag(), as_text = bytes.flag();
    const SpecialRule rule = as_text ? tokenizer->special_rule(false, {}, {}) : SpecialRule();
    const Encoding plain = tokenizer->encode({text, std::nullopt, std::nullopt}, false, {}, rule);
    check_encoding(*tokenizer, plain, text);
    check_decoding(*tokenizer, plain);
    for (const std::uint32_t id : plain.ids) require(!rule.barred.has(id));
    check_ids(*tokenizer, text, false, {}, rule, plain.ids);
    check_document(tokenizer, text, rule, part, block, plain.ids);

    const Encoding cut =
        tokenizer->encode({text, std::nullopt, std::nullopt}, special, unpadded, rule);
    check_encoding(*tokenizer, cut, text);
    check_ids(*tokenizer, text, special, unpadded, rule, cut.ids);

    const tokenizer::Input pair{first, second, std::nullopt};  // with a window for each two
    const Encoding both = tokenizer->encode(pair, special, lengths, rule);
    check_encoding(*tokenizer, both, first + second);
    for (const Encoding& window : tokenizer->overflow(pair, special, lengths, rule, both.size())) {
      check_encoding(*tokenizer, window, first + second);
    }
  } catch (const InputError&) {
  } catch (const TokenizerError&) {
  }
  return 0;
}
