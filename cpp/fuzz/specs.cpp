#include "fuzz/specs.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "fuzz/charsmap.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/pattern.h"

namespace quatrain::fuzz {
namespace {

using namespace tokenizer;

PatternSpec pattern(Bytes& bytes) {
  PatternSpec spec;
  spec.kind = bytes.choice(PatternSpec::Kind::kRegex);
  spec.literal = bytes.text(bytes.below(3));
  spec.matcher = [literal = spec.literal](std::string_view text) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> found;
    for (const Piece& piece : find_literal(literal, text))
      found.push_back({piece.begin, piece.end});
    return found;
  };
  spec.classes = bytes.byte();
  std::uint32_t next = 0;
  spec.ranges = some(bytes, 2, [&](Bytes& from) {
    const std::uint32_t first = next + static_cast<std::uint32_t>(from.number());
    const std::uint32_t last = first + static_cast<std::uint32_t>(from.number());
    next = last + 1;
    return std::pair(first, last);
  });
  spec.outside = bytes.flag();
  constexpr std::int64_t kAny = std::int64_t{1} << 62;
  if (bytes.below(8) == 1) {
    spec.to_line_end = true;
    spec.most = kAny;
    return spec;
  }
  spec.lead = bytes.choice(PatternSpec::Lead::kAnySpace);
  spec.least = bytes.positive();
  spec.most = bytes.flag() ? kAny : std::min(spec.least, kAny) + bytes.byte();
  return spec;
}

AddedTokenSpec added_token(Bytes& bytes) {
  AddedTokenSpec spec;
  spec.content = bytes.flag() ? token(bytes) : bytes.text(3);
  spec.id = bytes.number();
  spec.single_word = bytes.flag();
  spec.lstrip = bytes.flag();
  spec.rstrip = bytes.flag();
  spec.normalized = bytes.flag();
  spec.special = bytes.flag();
  return spec;
}

TemplatePiece special(Bytes& bytes, const ModelSpec& model) {
  TemplatePiece piece;
  piece.type_id = bytes.byte();
  for (std::size_t left = bytes.below(3); left > 0 && !model.vocab.empty(); --left) {
    const auto& [text, id] = model.vocab[bytes.byte() % model.vocab.size()];
    piece.ids.push_back(bytes.rarely() ? bytes.number() : id);
    piece.tokens.push_back(text);
  }
  return piece;
}

TemplatePiece sequence(bool is_pair, std::uint8_t type_id) {
  TemplatePiece piece;
  piece.is_sequence = true;
  piece.is_pair = is_pair;
  piece.type_id = type_id;
  return piece;
}

}  // namespace

// A few letters, so that merges and words meet; spelled bytes, pieces and affixes.
std::string token(Bytes& bytes) {
  switch (bytes.below(6)) {
    case 0: {
      std::string spelled;
      unicode::append(spelled, byte_to_char(bytes.byte()));
      return spelled;
    }
    case 1:
      return "\xE2\x96\x81" + bytes.text(2);
    case 2:
      return "##" + bytes.text(2);
    default: {
      std::string word;
      for (std::size_t left = bytes.below(4) + 1; left > 0; --left) word += "abc "[bytes.below(4)];
      return word;
    }
  }
}

PostProcessorSpec post_processor(Bytes& bytes, const ModelSpec& model) {
  PostProcessorSpec spec;
  spec.kind = bytes.choice(PostProcessorSpec::Kind::kRoberta);
  spec.add_prefix_space = bytes.flag();
  const auto piece = [&](Bytes& from) {
    return from.below(4) ? special(from, model) : sequence(from.flag(), from.byte());
  };
  spec.single = some(bytes, 3, piece);
  spec.single.push_back(sequence(false, 0));
  spec.pair = some(bytes, 3, piece);
  spec.pair.push_back(sequence(false, 0));
  spec.pair.push_back(sequence(true, bytes.byte()));
  spec.cls = special(bytes, model);
  spec.sep = special(bytes, model);
  return spec;
}

// Tokens of other texts, or of the model's.
std::vector<AddedTokenSpec> added_tokens(Bytes& bytes, const ModelSpec& model) {
  std::vector<AddedTokenSpec> tokens = some(bytes, 4, added_token);
  auto next = static_cast<std::int64_t>(model.vocab.size());
  for (AddedTokenSpec& token : tokens) {
    const auto is_same = [&](const auto& known) { return known.first == token.content; };
    const auto known = std::find_if(model.vocab.begin(), model.vocab.end(), is_same);
    if (bytes.rarely()) continue;  // as it came
    token.id = known == model.vocab.end() ? next++ : known->second;
  }
  return tokens;
}

DecoderSpec decoder(Bytes& bytes) {
  DecoderSpec spec;
  spec.kind = bytes.choice(DecoderSpec::Kind::kStrip);
  spec.prefix = bytes.text(2);
  spec.cleanup = bytes.flag();
  spec.suffix = bytes.text(2);
  spec.pad_token = token(bytes);
  spec.word_delimiter = token(bytes);
  spec.pattern = pattern(bytes);
  spec.content = bytes.text(2);
  spec.character = bytes.flag() ? U'a' : U'\u2581';
  spec.drops_first = bytes.flag();
  spec.start = bytes.number();
  spec.stop = bytes.number();
  return spec;
}

NormalizerSpec normalizer(Bytes& bytes) {
  NormalizerSpec spec;
  spec.kind = bytes.choice(NormalizerSpec::Kind::kPrecompiled);
  if (spec.kind == NormalizerSpec::Kind::kPrecompiled) {
    spec.charsmap = std::make_shared<const Charsmap>(charsmap(bytes));
  }
  spec.clean_text = bytes.flag();
  spec.handle_chinese_chars = bytes.flag();
  spec.strip_accents = bytes.flag();
  spec.lowercase = bytes.flag();
  spec.left = bytes.flag();
  spec.right = bytes.flag();
  spec.content = bytes.text(2);
  spec.pattern = pattern(bytes);
  return spec;
}

PreTokenizerSpec pre_tokenizer(Bytes& bytes) {
  PreTokenizerSpec spec;
  spec.kind = bytes.choice(PreTokenizerSpec::Kind::kFixedLength);
  spec.add_prefix_space = bytes.flag();
  spec.use_regex = bytes.flag();
  spec.individual_digits = bytes.flag();
  spec.behavior = bytes.choice(PreTokenizerSpec::Behavior::kContiguous);
  spec.invert = bytes.flag();
  spec.pattern = pattern(bytes);
  spec.scanner = bytes.choice(PreTokenizerSpec::Scanner::kDeepSeek3);
  spec.replacement = bytes.flag() ? U'_' : U'\u2581';
  spec.prepend = bytes.choice(PreTokenizerSpec::Prepend::kNever);
  spec.split = bytes.flag();
  spec.length = bytes.positive();
  return spec;
}

LengthSpec lengths(Bytes& bytes) {
  LengthSpec spec;
  if (bytes.below(3) == 0) {
    TruncationSpec& truncation = spec.truncation.emplace();
    truncation.max_length = bytes.byte();
    truncation.stride = bytes.byte() % 16;
    truncation.strategy = bytes.choice(TruncationSpec::Strategy::kOnlySecond);
    truncation.left = bytes.flag();
  }
  if (bytes.below(3) == 0) {
    PaddingSpec& padding = spec.padding.emplace();
    if (bytes.flag()) padding.fixed = bytes.byte();
    padding.left = bytes.flag();
    padding.multiple_of = bytes.byte();
    padding.id = bytes.byte();
    padding.token = bytes.text(2);
  }
  return spec;
}

}  // namespace quatrain::fuzz
