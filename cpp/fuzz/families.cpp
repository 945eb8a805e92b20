// Whole descriptions: the steps of real files, with models and texts that no file has.
#include <algorithm>
#include <iterator>
#include <memory>

#include "fuzz/charsmap.h"
#include "fuzz/specs.h"
#include "tokenizer/sentencepiece_decoder.h"
#include "tokenizer/sentencepiece_normalizer.h"

namespace quatrain::fuzz {
namespace {

using namespace tokenizer;

NormalizerSpec normalizer(NormalizerSpec::Kind kind, Bytes& bytes) {
  NormalizerSpec spec = fuzz::normalizer(bytes);
  spec.kind = kind;
  return spec;
}

PreTokenizerSpec pre_tokenizer(PreTokenizerSpec::Kind kind, Bytes& bytes) {
  PreTokenizerSpec spec = fuzz::pre_tokenizer(bytes);
  spec.kind = kind;
  return spec;
}

DecoderSpec decoder(DecoderSpec::Kind kind, Bytes& bytes) {
  DecoderSpec spec = fuzz::decoder(bytes);
  spec.kind = kind;
  return spec;
}

// GPT-2's family: steps that cut, a scanner, bytes.
TokenizerSpec byte_level(Bytes& bytes) {
  using Step = PreTokenizerSpec::Kind;
  TokenizerSpec spec;
  if (bytes.below(3) == 0) {
    spec.normalizers = {normalizer(bytes.choice(NormalizerSpec::Kind::kNfkd), bytes)};
  }
  if (bytes.below(4) == 1) spec.pre_tokenizers = some(bytes, 2, fuzz::pre_tokenizer);
  PreTokenizerSpec words = pre_tokenizer(Step::kSplitScanner, bytes);
  PreTokenizerSpec last = pre_tokenizer(Step::kByteLevel, bytes);
  if (bytes.below(4)) {  // as files have them
    words.behavior = PreTokenizerSpec::Behavior::kIsolated;
    words.invert = last.add_prefix_space = last.use_regex = false;
  }
  spec.pre_tokenizers.push_back(words);
  spec.pre_tokenizers.push_back(last);
  spec.model = byte_level_model(bytes);
  spec.decoders = {decoder(DecoderSpec::Kind::kByteLevel, bytes)};
  return spec;
}

TokenizerSpec bert(Bytes& bytes) {
  TokenizerSpec spec;
  if (bytes.below(4)) spec.normalizers = {normalizer(NormalizerSpec::Kind::kBert, bytes)};
  spec.pre_tokenizers = {pre_tokenizer(PreTokenizerSpec::Kind::kBert, bytes)};
  spec.model = model(bytes, ModelSpec::Kind::kWordPiece);
  spec.decoders = {decoder(DecoderSpec::Kind::kWordPiece, bytes)};
  return spec;
}

// T5's and XLM-RoBERTa's: words that begin with U+2581.
TokenizerSpec marked(Bytes& bytes) {
  TokenizerSpec spec;
  if (bytes.flag()) {
    spec.normalizers.push_back(normalizer(NormalizerSpec::Kind::kPrecompiled, bytes));
    spec.normalizers.back().charsmap = std::make_shared<const Charsmap>(charsmap(bytes));
  }
  if (bytes.flag()) {
    NormalizerSpec& join =
        spec.normalizers.emplace_back(normalizer(NormalizerSpec::Kind::kReplace, bytes));
    join.pattern = {};
    join.pattern.kind = PatternSpec::Kind::kRun;
    join.pattern.ranges = {{' ', ' '}};
    join.pattern.least = 2;
    join.pattern.most = std::int64_t{1} << 62;
    join.content = bytes.flag() ? " " : "\xE2\x96\x81";
  }
  if (bytes.flag()) {
    spec.pre_tokenizers.push_back(pre_tokenizer(PreTokenizerSpec::Kind::kWhitespaceSplit, bytes));
  }
  spec.pre_tokenizers.push_back(pre_tokenizer(PreTokenizerSpec::Kind::kMetaspace, bytes));
  spec.model = model(bytes, bytes.choice(ModelSpec::Kind::kUnigram));
  spec.decoders = {decoder(DecoderSpec::Kind::kMetaspace, bytes)};
  return spec;
}

// Llama 2's and Gemma's: the text is one word.
TokenizerSpec unsplit(Bytes& bytes) {
  TokenizerSpec spec;
  if (bytes.flag()) {
    spec.normalizers.push_back(normalizer(NormalizerSpec::Kind::kPrepend, bytes));
    spec.normalizers.back().content = "\xE2\x96\x81";
  }
  NormalizerSpec& mark =
      spec.normalizers.emplace_back(normalizer(NormalizerSpec::Kind::kReplace, bytes));
  mark.pattern = {};
  mark.pattern.literal = " ";
  mark.content = "\xE2\x96\x81";
  spec.model = model(bytes, ModelSpec::Kind::kBpe);
  spec.decoders = some(bytes, 3, fuzz::decoder);
  return spec;
}

TokenizerSpec sentencepiece(Bytes& bytes) {
  TokenizerSpec spec;
  using Kind = ModelSpec::Kind;
  spec.model = model(bytes, bytes.flag() ? Kind::kBpe : Kind::kUnigram, true);
  SentencePieceNormalizer::Options options;
  SentencePieceDecoder::Options decoding;
  for (std::size_t id = 0; id < std::min(spec.model.kinds.size(), spec.model.vocab.size()); ++id) {
    const std::string& piece = spec.model.vocab[id].first;
    const ModelSpec::PieceKind kind = spec.model.kinds[id];
    if (kind == ModelSpec::PieceKind::kUserDefined) {
      options.user_defined.emplace_back(piece, static_cast<std::uint32_t>(id));
    }
    if (kind == ModelSpec::PieceKind::kControl) decoding.control.insert(piece);
    if (kind == ModelSpec::PieceKind::kUnknown) decoding.unknown = piece;
  }
  const auto rules = [&]() -> std::shared_ptr<const Charsmap> {
    if (bytes.below(3)) return nullptr;
    return std::make_shared<const Charsmap>(charsmap(bytes));
  };
  options.add_dummy_prefix = bytes.flag();
  options.remove_extra_whitespaces = bytes.flag();
  options.escape_whitespaces = bytes.below(4) != 0;
  options.whitespace_as_suffix = bytes.flag();
  spec.normalizers = {normalizer(NormalizerSpec::Kind::kSentencePiece, bytes)};
  spec.normalizers[0].sentencepiece =
      std::make_shared<const SentencePieceNormalizer>(rules(), options);
  decoding.unknown_surface = bytes.text(2);
  decoding.has_bytes = spec.model.byte_fallback;
  decoding.strips_first = bytes.flag();
  decoding.strips_all = bytes.flag();
  if (bytes.below(4) == 0) {
    options.user_defined.clear();
    decoding.denormalizer = std::make_shared<const SentencePieceNormalizer>(rules(), options);
  }
  spec.decoders = {decoder(DecoderSpec::Kind::kSentencePiece, bytes)};
  spec.decoders[0].sentencepiece = std::make_shared<const SentencePieceDecoder>(decoding);
  return spec;
}

TokenizerSpec any(Bytes& bytes) {
  TokenizerSpec spec;
  spec.normalizers = some(bytes, 3, fuzz::normalizer);
  spec.pre_tokenizers = some(bytes, 3, fuzz::pre_tokenizer);
  spec.model = bytes.below(4) ? model(bytes, bytes.choice(ModelSpec::Kind::kWordLevel))
                              : byte_level_model(bytes);
  spec.decoders = some(bytes, 3, fuzz::decoder);
  return spec;
}

}  // namespace

TokenizerSpec tokenizer_spec(Bytes& bytes) {
  constexpr TokenizerSpec (*kFamilies[])(Bytes&) = {any,    byte_level, byte_level,   bert,
                                                    marked, unsplit,    sentencepiece};
  TokenizerSpec spec = kFamilies[bytes.below(std::size(kFamilies))](bytes);
  spec.added_ids_may_skip = bytes.flag();
  if (bytes.flag()) spec.added_tokens = added_tokens(bytes, spec.model);
  spec.post_processors =
      some(bytes, 2, [&](Bytes& from) { return post_processor(from, spec.model); });
  return spec;
}

}  // namespace quatrain::fuzz
