// The tokenizer's spec, which Python fills in field by field.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <string_view>

#include "bindings/register.h"
#include "tokenizer/categories.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/sentencepiece_decoder.h"
#include "tokenizer/spec.h"

namespace py = pybind11;

namespace quatrain {

using namespace tokenizer;

namespace {

// The parts of a SentencePiece model, checked as they are made.
void register_sentencepiece(py::module_& m) {
  py::class_<Charsmap, std::shared_ptr<Charsmap>>(m, "Charsmap")
      .def(py::init([](const py::bytes& bytes) {
        return std::make_shared<Charsmap>(std::string_view(bytes));
      }));

  using Options = SentencePieceNormalizer::Options;
  py::class_<Options>(m, "SentencePieceOptions")
      .def(py::init<>())
      .def_readwrite("user_defined", &Options::user_defined)
      .def_readwrite("add_dummy_prefix", &Options::add_dummy_prefix)
      .def_readwrite("remove_extra_whitespaces", &Options::remove_extra_whitespaces)
      .def_readwrite("escape_whitespaces", &Options::escape_whitespaces)
      .def_readwrite("whitespace_as_suffix", &Options::whitespace_as_suffix);
  py::class_<SentencePieceNormalizer, std::shared_ptr<SentencePieceNormalizer>>(
      m, "SentencePieceNormalizer")
      .def(py::init([](const std::shared_ptr<Charsmap>& charsmap, const Options& options) {
        return std::make_shared<SentencePieceNormalizer>(charsmap, options);
      }));

  using Decoding = SentencePieceDecoder::Options;
  py::class_<Decoding>(m, "SentencePieceDecoding")
      .def(py::init<>())
      .def_readwrite("control", &Decoding::control)
      .def_readwrite("unknown", &Decoding::unknown)
      .def_readwrite("unknown_surface", &Decoding::unknown_surface)
      .def_readwrite("has_bytes", &Decoding::has_bytes)
      .def_readwrite("strips_first", &Decoding::strips_first)
      .def_readwrite("strips_all", &Decoding::strips_all)
      .def_property(
          "denormalizer", [](const Decoding& self) { return self.denormalizer; },
          [](Decoding& self, std::shared_ptr<SentencePieceNormalizer> rules) {
            self.denormalizer = std::move(rules);
          });
  py::class_<SentencePieceDecoder, std::shared_ptr<SentencePieceDecoder>>(m, "SentencePieceDecoder")
      .def(py::init(
          [](const Decoding& options) { return std::make_shared<SentencePieceDecoder>(options); }));
}

}  // namespace

namespace {

void register_pattern(py::module_& m) {
  using Pattern = PatternSpec;
  py::class_<Pattern> pattern(m, "PatternSpec");
  py::enum_<Pattern::Kind>(pattern, "Kind")
      .value("LITERAL", Pattern::Kind::kLiteral)
      .value("RUN", Pattern::Kind::kRun)
      .value("REGEX", Pattern::Kind::kRegex);
  py::enum_<Pattern::Lead>(pattern, "Lead")
      .value("NONE", Pattern::Lead::kNone)
      .value("SPACE", Pattern::Lead::kSpace)
      .value("ANY_SPACE", Pattern::Lead::kAnySpace);
  pattern.attr("LETTER") = static_cast<int>(unicode::kLetters);
  pattern.attr("MARK") = static_cast<int>(unicode::kMarks);
  pattern.attr("NUMBER") = static_cast<int>(unicode::kNumbers);
  pattern.attr("PUNCTUATION") = static_cast<int>(unicode::kPunctuated);
  pattern.attr("SYMBOL") = static_cast<int>(unicode::kSymbols);
  pattern.attr("SPACE") = static_cast<int>(unicode::kSpaces);
  pattern.def(py::init<>())
      .def_readwrite("kind", &Pattern::kind)
      .def_readwrite("literal", &Pattern::literal)
      .def_readwrite("classes", &Pattern::classes)
      .def_readwrite("ranges", &Pattern::ranges)
      .def_readwrite("outside", &Pattern::outside)
      .def_readwrite("least", &Pattern::least)
      .def_readwrite("most", &Pattern::most)
      .def_readwrite("lead", &Pattern::lead)
      .def_readwrite("to_line_end", &Pattern::to_line_end)
      .def_readwrite("matcher", &Pattern::matcher);  // a callable; the GIL is taken to call it
}

}  // namespace

void register_tokenizer_spec(py::module_& m) {
  register_sentencepiece(m);
  register_pattern(m);

  using Normalizer = NormalizerSpec;
  py::class_<Normalizer> normalizer(m, "NormalizerSpec");
  py::enum_<Normalizer::Kind>(normalizer, "Kind")
      .value("BERT", Normalizer::Kind::kBert)
      .value("LOWERCASE", Normalizer::Kind::kLowercase)
      .value("NFC", Normalizer::Kind::kNfc)
      .value("NFD", Normalizer::Kind::kNfd)
      .value("NFKC", Normalizer::Kind::kNfkc)
      .value("NFKD", Normalizer::Kind::kNfkd)
      .value("STRIP_ACCENTS", Normalizer::Kind::kStripAccents)
      .value("BYTE_LEVEL", Normalizer::Kind::kByteLevel)
      .value("STRIP", Normalizer::Kind::kStrip)
      .value("PREPEND", Normalizer::Kind::kPrepend)
      .value("REPLACE", Normalizer::Kind::kReplace)
      .value("NMT", Normalizer::Kind::kNmt)
      .value("PRECOMPILED", Normalizer::Kind::kPrecompiled)
      .value("SENTENCE_PIECE", Normalizer::Kind::kSentencePiece);
  normalizer.def(py::init<>())
      .def_readwrite("kind", &Normalizer::kind)
      .def_readwrite("clean_text", &Normalizer::clean_text)
      .def_readwrite("handle_chinese_chars", &Normalizer::handle_chinese_chars)
      .def_readwrite("strip_accents", &Normalizer::strip_accents)
      .def_readwrite("lowercase", &Normalizer::lowercase)
      .def_readwrite("left", &Normalizer::left)
      .def_readwrite("right", &Normalizer::right)
      .def_readwrite("content", &Normalizer::content)
      .def_readwrite("pattern", &Normalizer::pattern)
      .def_readwrite("charsmap", &Normalizer::charsmap)
      .def_readwrite("sentencepiece", &Normalizer::sentencepiece);

  using PreTokenizer = PreTokenizerSpec;
  py::class_<PreTokenizer> pre_tokenizer(m, "PreTokenizerSpec");
  py::enum_<PreTokenizer::Kind>(pre_tokenizer, "Kind")
      .value("BYTE_LEVEL", PreTokenizer::Kind::kByteLevel)
      .value("BERT", PreTokenizer::Kind::kBert)
      .value("WHITESPACE", PreTokenizer::Kind::kWhitespace)
      .value("WHITESPACE_SPLIT", PreTokenizer::Kind::kWhitespaceSplit)
      .value("DIGITS", PreTokenizer::Kind::kDigits)
      .value("PUNCTUATION", PreTokenizer::Kind::kPunctuation)
      .value("SPLIT", PreTokenizer::Kind::kSplit)
      .value("SPLIT_SCANNER", PreTokenizer::Kind::kSplitScanner)
      .value("METASPACE", PreTokenizer::Kind::kMetaspace)
      .value("UNICODE_SCRIPTS", PreTokenizer::Kind::kUnicodeScripts)
      .value("FIXED_LENGTH", PreTokenizer::Kind::kFixedLength);
  py::enum_<PreTokenizer::Prepend>(pre_tokenizer, "Prepend")
      .value("FIRST", PreTokenizer::Prepend::kFirst)
      .value("ALWAYS", PreTokenizer::Prepend::kAlways)
      .value("NEVER", PreTokenizer::Prepend::kNever);
  py::enum_<PreTokenizer::Behavior>(pre_tokenizer, "Behavior")
      .value("REMOVED", PreTokenizer::Behavior::kRemoved)
      .value("ISOLATED", PreTokenizer::Behavior::kIsolated)
      .value("MERGED_WITH_PREVIOUS", PreTokenizer::Behavior::kMergedWithPrevious)
      .value("MERGED_WITH_NEXT", PreTokenizer::Behavior::kMergedWithNext)
      .value("CONTIGUOUS", PreTokenizer::Behavior::kContiguous);
  py::enum_<PreTokenizer::Scanner>(pre_tokenizer, "Scanner")
      .value("GPT2", PreTokenizer::Scanner::kGpt2)
      .value("CLIP", PreTokenizer::Scanner::kClip)
      .value("LLAMA3", PreTokenizer::Scanner::kLlama3)
      .value("CL100K", PreTokenizer::Scanner::kCl100k)
      .value("MINI_CPM5", PreTokenizer::Scanner::kMiniCpm5)
      .value("QWEN2", PreTokenizer::Scanner::kQwen2)
      .value("QWEN35", PreTokenizer::Scanner::kQwen35)
      .value("SEED_CODER", PreTokenizer::Scanner::kSeedCoder)
      .value("UFAKZEKA", PreTokenizer::Scanner::kUfakzeka)
      .value("O200K", PreTokenizer::Scanner::kO200k)
      .value("YOUTU", PreTokenizer::Scanner::kYoutu)
      .value("TEKKEN", PreTokenizer::Scanner::kTekken)
      .value("DEEP_SEEK3", PreTokenizer::Scanner::kDeepSeek3);
  pre_tokenizer.def(py::init<>())
      .def_readwrite("kind", &PreTokenizer::kind)
      .def_readwrite("add_prefix_space", &PreTokenizer::add_prefix_space)
      .def_readwrite("use_regex", &PreTokenizer::use_regex)
      .def_readwrite("individual_digits", &PreTokenizer::individual_digits)
      .def_readwrite("behavior", &PreTokenizer::behavior)
      .def_readwrite("invert", &PreTokenizer::invert)
      .def_readwrite("pattern", &PreTokenizer::pattern)
      .def_readwrite("scanner", &PreTokenizer::scanner)
      .def_readwrite("replacement", &PreTokenizer::replacement)
      .def_readwrite("prepend", &PreTokenizer::prepend)
      .def_readwrite("split", &PreTokenizer::split)
      .def_readwrite("length", &PreTokenizer::length);

  register_model_spec(m);

  py::class_<AddedTokenSpec>(m, "AddedTokenSpec")
      .def(py::init<>())
      .def_readwrite("content", &AddedTokenSpec::content)
      .def_readwrite("id", &AddedTokenSpec::id)
      .def_readwrite("single_word", &AddedTokenSpec::single_word)
      .def_readwrite("lstrip", &AddedTokenSpec::lstrip)
      .def_readwrite("rstrip", &AddedTokenSpec::rstrip)
      .def_readwrite("normalized", &AddedTokenSpec::normalized)
      .def_readwrite("special", &AddedTokenSpec::special);

  py::class_<TemplatePiece>(m, "TemplatePiece")
      .def(py::init<>())
      .def_readwrite("is_sequence", &TemplatePiece::is_sequence)
      .def_readwrite("is_pair", &TemplatePiece::is_pair)
      .def_readwrite("type_id", &TemplatePiece::type_id)
      .def_readwrite("ids", &TemplatePiece::ids)
      .def_readwrite("tokens", &TemplatePiece::tokens);

  using PostProcessor = PostProcessorSpec;
  py::class_<PostProcessor> post_processor(m, "PostProcessorSpec");
  py::enum_<PostProcessor::Kind>(post_processor, "Kind")
      .value("TRIM_OFFSETS", PostProcessor::Kind::kTrimOffsets)
      .value("TEMPLATE", PostProcessor::Kind::kTemplate)
      .value("BERT", PostProcessor::Kind::kBert)
      .value("ROBERTA", PostProcessor::Kind::kRoberta);
  post_processor.def(py::init<>())
      .def_readwrite("kind", &PostProcessor::kind)
      .def_readwrite("add_prefix_space", &PostProcessor::add_prefix_space)
      .def_readwrite("single", &PostProcessor::single)
      .def_readwrite("pair", &PostProcessor::pair)
      .def_readwrite("cls", &PostProcessor::cls)
      .def_readwrite("sep", &PostProcessor::sep);

  using Decoder = DecoderSpec;
  py::class_<Decoder> decoder(m, "DecoderSpec");
  py::enum_<Decoder::Kind>(decoder, "Kind")
      .value("BYTE_LEVEL", Decoder::Kind::kByteLevel)
      .value("WORD_PIECE", Decoder::Kind::kWordPiece)
      .value("FUSE", Decoder::Kind::kFuse)
      .value("METASPACE", Decoder::Kind::kMetaspace)
      .value("BPE", Decoder::Kind::kBpe)
      .value("BYTE_FALLBACK", Decoder::Kind::kByteFallback)
      .value("CTC", Decoder::Kind::kCtc)
      .value("REPLACE", Decoder::Kind::kReplace)
      .value("STRIP", Decoder::Kind::kStrip)
      .value("SENTENCE_PIECE", Decoder::Kind::kSentencePiece);
  decoder.def(py::init<>())
      .def_readwrite("kind", &Decoder::kind)
      .def_readwrite("prefix", &Decoder::prefix)
      .def_readwrite("cleanup", &Decoder::cleanup)
      .def_readwrite("suffix", &Decoder::suffix)
      .def_readwrite("pad_token", &Decoder::pad_token)
      .def_readwrite("word_delimiter", &Decoder::word_delimiter)
      .def_readwrite("pattern", &Decoder::pattern)
      .def_readwrite("content", &Decoder::content)
      .def_readwrite("character", &Decoder::character)
      .def_readwrite("drops_first", &Decoder::drops_first)
      .def_readwrite("start", &Decoder::start)
      .def_readwrite("stop", &Decoder::stop)
      .def_readwrite("sentencepiece", &Decoder::sentencepiece);

  py::class_<TruncationSpec> truncation(m, "TruncationSpec");
  py::enum_<TruncationSpec::Strategy>(truncation, "Strategy")
      .value("LONGEST_FIRST", TruncationSpec::Strategy::kLongestFirst)
      .value("ONLY_FIRST", TruncationSpec::Strategy::kOnlyFirst)
      .value("ONLY_SECOND", TruncationSpec::Strategy::kOnlySecond);
  truncation.def(py::init<>())
      .def_readwrite("max_length", &TruncationSpec::max_length)
      .def_readwrite("stride", &TruncationSpec::stride)
      .def_readwrite("strategy", &TruncationSpec::strategy)
      .def_readwrite("left", &TruncationSpec::left);

  py::class_<PaddingSpec>(m, "PaddingSpec")
      .def(py::init<>())
      .def_readwrite("fixed", &PaddingSpec::fixed)
      .def_readwrite("left", &PaddingSpec::left)
      .def_readwrite("multiple_of", &PaddingSpec::multiple_of)
      .def_readwrite("id", &PaddingSpec::id)
      .def_readwrite("type_id", &PaddingSpec::type_id)
      .def_readwrite("token", &PaddingSpec::token);

  py::class_<LengthSpec>(m, "LengthSpec")
      .def(py::init<>())
      .def_readwrite("truncation", &LengthSpec::truncation)
      .def_readwrite("padding", &LengthSpec::padding);

  py::class_<TokenizerSpec>(m, "TokenizerSpec")
      .def(py::init<>())
      .def_readwrite("normalizers", &TokenizerSpec::normalizers)
      .def_readwrite("pre_tokenizers", &TokenizerSpec::pre_tokenizers)
      .def_property(
          "model", [](TokenizerSpec& self) -> ModelSpec& { return self.model; },
          // What is given is empty afterwards: a copy of it would take longer than reading it.
          [](TokenizerSpec& self, ModelSpec& given) { self.model = std::move(given); })
      .def_readwrite("added_tokens", &TokenizerSpec::added_tokens)
      .def_readwrite("added_ids_may_skip", &TokenizerSpec::added_ids_may_skip)
      .def_readwrite("post_processors", &TokenizerSpec::post_processors)
      .def_readwrite("decoders", &TokenizerSpec::decoders);
}

}  // namespace quatrain
