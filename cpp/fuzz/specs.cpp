#include "fuzz/specs.h"

#include "tokenizer/byte_level.h"

namespace quatrain::fuzz {
namespace {

using namespace tokenizer;

template <class Make>
auto some(Bytes& bytes, std::size_t most, Make make) {
  std::vector<decltype(make(bytes))> items;
  for (std::size_t left = bytes.below(most + 1); left > 0; --left) items.push_back(make(bytes));
  return items;
}

PatternSpec pattern(Bytes& bytes) {
  PatternSpec spec;
  spec.kind = bytes.flag() ? PatternSpec::Kind::kRun : PatternSpec::Kind::kLiteral;
  spec.literal = bytes.text(3);
  spec.classes = bytes.byte();
  spec.ranges = some(bytes, 2, [](Bytes& from) {
    const auto first = static_cast<std::uint32_t>(from.number());
    return std::pair(first, first + static_cast<std::uint32_t>(from.number()));
  });
  spec.outside = bytes.flag();
  spec.lead = bytes.choice(PatternSpec::Lead::kAnySpace);
  spec.to_line_end = bytes.flag();
  spec.least = bytes.number();
  spec.most = bytes.flag() ? std::int64_t{1} << 62 : bytes.number();
  return spec;
}

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

ModelSpec model(Bytes& bytes) {
  ModelSpec spec;
  spec.kind = bytes.choice(ModelSpec::Kind::kWordLevel);
  if (bytes.flag()) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string spelled;
      unicode::append(spelled, byte_to_char(static_cast<unsigned char>(byte)));
      spec.vocab.emplace_back(spelled, spec.vocab.size());
    }
  }
  for (std::string& text : some(bytes, 40, token)) {
    const auto id = static_cast<std::int64_t>(spec.vocab.size());
    spec.vocab.emplace_back(std::move(text), bytes.below(50) ? id : bytes.number());
  }
  if (bytes.flag()) spec.unk_token = bytes.flag() ? token(bytes) : "a";
  if (bytes.flag()) spec.continuing_subword_prefix = bytes.flag() ? "##" : token(bytes);
  if (bytes.below(4) == 0) spec.end_of_word_suffix = token(bytes);
  for (std::size_t left = bytes.below(30); left > 0 && !spec.vocab.empty(); --left) {
    const auto& whole = spec.vocab[bytes.byte() % spec.vocab.size()].first;
    const std::size_t cut = whole.empty() ? 0 : bytes.below(whole.size());
    spec.merges.emplace_back(whole.substr(0, cut), whole.substr(cut));
  }
  spec.fuse_unk = bytes.flag();
  spec.byte_fallback = bytes.flag();
  spec.ignore_merges = bytes.flag();
  spec.ranks = bytes.below(4) == 0;
  spec.max_input_chars_per_word = bytes.number();
  for (std::size_t i = 0; i < spec.vocab.size(); ++i) {
    spec.scores.push_back(static_cast<double>(bytes.number()) / -7);
  }
  if (bytes.below(20) == 0) spec.scores.push_back(0);
  if (bytes.flag()) spec.unk_id = bytes.number();
  spec.sentencepiece = bytes.flag();
  if (bytes.flag()) {
    spec.kinds = some(bytes, spec.vocab.size(),
                      [](Bytes& from) { return from.choice(ModelSpec::PieceKind::kUnused); });
  }
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

TemplatePiece template_piece(Bytes& bytes) {
  TemplatePiece piece;
  piece.is_sequence = bytes.flag();
  piece.is_pair = bytes.flag();
  piece.type_id = bytes.byte();
  piece.ids = some(bytes, 2, [](Bytes& from) { return from.number(); });
  piece.tokens = some(bytes, 2, token);
  return piece;
}

PostProcessorSpec post_processor(Bytes& bytes) {
  PostProcessorSpec spec;
  spec.kind = bytes.choice(PostProcessorSpec::Kind::kTemplate);
  spec.add_prefix_space = bytes.flag();
  spec.single = some(bytes, 3, template_piece);
  spec.pair = some(bytes, 4, template_piece);
  return spec;
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

}  // namespace

NormalizerSpec normalizer(Bytes& bytes) {
  NormalizerSpec spec;
  spec.kind = bytes.choice(NormalizerSpec::Kind::kNmt);  // the charsmap has a target of its own
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
  spec.length = bytes.number();
  return spec;
}

TokenizerSpec tokenizer_spec(Bytes& bytes) {
  TokenizerSpec spec;
  spec.normalizers = some(bytes, 2, normalizer);
  spec.pre_tokenizers = some(bytes, 3, pre_tokenizer);
  spec.model = model(bytes);
  spec.added_tokens = some(bytes, 3, added_token);
  spec.added_ids_may_skip = bytes.flag();
  for (AddedTokenSpec& token : spec.added_tokens) {
    // The next free id is what most files have; without it few would be read at all.
    if (bytes.below(8)) token.id = static_cast<std::int64_t>(spec.model.vocab.size());
  }
  spec.post_processors = some(bytes, 2, post_processor);
  spec.decoders = some(bytes, 3, decoder);
  return spec;
}

LengthSpec lengths(Bytes& bytes) {
  LengthSpec spec;
  if (bytes.below(3) == 0) {
    TruncationSpec& truncation = spec.truncation.emplace();
    truncation.max_length = bytes.byte();
    truncation.stride = bytes.byte();
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
