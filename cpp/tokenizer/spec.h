// A tokenizer as data: what a tokenizer.json says, already parsed, typed and named. The Python side
// fills it (C++ sees no JSON) and `Tokenizer` executes it. Sequences are flattened.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quatrain::tokenizer {

class Charsmap;
class SentencePieceDecoder;
class SentencePieceNormalizer;

// What Split and Replace look for in a text.
struct PatternSpec {
  enum class Kind { kLiteral, kRun, kRegex };
  // All matches of a regular expression, as (begin, end) in bytes, from left to right. They may be
  // empty, and do not overlap. Called on any number of threads at once.
  using Matcher =
      std::function<std::vector<std::pair<std::uint32_t, std::uint32_t>>(std::string_view)>;

  Kind kind = Kind::kLiteral;
  std::string literal;  // if empty, it is found around every character
  // Run: as many characters of the classes (categories.h) or of the ranges (first, last; in
  // ascending order) as there are, but `least` to `most`; `outside`: as many of all others.
  std::uint8_t classes = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  bool outside = false;
  std::int64_t least = 1, most = 1;
  // What may stand before a run and is part of the match: nothing, a space, or any one of \s.
  enum class Lead { kNone, kSpace, kAnySpace };
  Lead lead = Lead::kNone;
  bool to_line_end = false;  // the match ends before a line feed or at the text's end
  Matcher matcher;           // Regex
};

struct NormalizerSpec {
  enum class Kind {
    kBert,
    kLowercase,
    kNfc,
    kNfd,
    kNfkc,
    kNfkd,
    kStripAccents,
    kByteLevel,
    kStrip,
    kPrepend,
    kReplace,
    kNmt,
    kPrecompiled,
    kSentencePiece
  };
  Kind kind = Kind::kBert;
  // Bert only.
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
  bool left = false, right = false;                              // Strip
  std::string content;                                           // Prepend, Replace
  PatternSpec pattern;                                           // Replace
  std::shared_ptr<const SentencePieceNormalizer> sentencepiece;  // SentencePiece
  std::shared_ptr<const Charsmap> charsmap;                      // Precompiled
};

struct PreTokenizerSpec {
  enum class Kind {
    kByteLevel,
    kBert,
    kWhitespace,
    kWhitespaceSplit,
    kDigits,
    kPunctuation,
    kSplit,
    kSplitScanner,
    kMetaspace,
    kUnicodeScripts,
    kFixedLength
  };
  // What happens to a delimiter that was found.
  enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  // Which pieces get a replacement character in front: that at the text's begin, all, or none.
  enum class Prepend { kFirst, kAlways, kNever };
  // The regular expressions that have a scanner (word_pattern.h).
  enum class Scanner {
    kGpt2,
    kClip,
    kLlama3,
    kCl100k,
    kMiniCpm5,
    kQwen2,
    kQwen35,
    kSeedCoder,
    kUfakzeka,
    kO200k,
    kYoutu,
    kTekken,
    kDeepSeek3
  };

  Kind kind = Kind::kByteLevel;
  bool add_prefix_space = false;            // ByteLevel
  bool use_regex = true;                    // ByteLevel
  bool individual_digits = false;           // Digits
  Behavior behavior = Behavior::kIsolated;  // Punctuation, Split
  bool invert = false;                      // Split
  PatternSpec pattern;                      // Split
  Scanner scanner = Scanner::kGpt2;         // SplitScanner
  char32_t replacement = U'\u2581';         // Metaspace: what a space becomes
  Prepend prepend = Prepend::kAlways;       // Metaspace: where one goes in front
  bool split = true;                        // Metaspace: whether it begins a piece
  std::int64_t length = 5;                  // FixedLength: characters
};

// Pairs of texts, in one buffer: there may be a million.
class TextPairs {
 public:
  void reserve(std::size_t pairs) { ends_.reserve(pairs); }
  void add(std::string_view left, std::string_view right) {
    bytes_.append(left).append(right);
    ends_.emplace_back(bytes_.size() - right.size(), bytes_.size());
  }
  std::size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  std::pair<std::string_view, std::string_view> operator[](std::size_t i) const {
    const auto [middle, end] = ends_[i];
    const std::size_t begin = i > 0 ? ends_[i - 1].second : 0;
    const std::string_view bytes(bytes_);
    return {bytes.substr(begin, middle - begin), bytes.substr(middle, end - middle)};
  }

 private:
  std::string bytes_;
  std::vector<std::pair<std::size_t, std::size_t>> ends_;  // of the left and of the right text
};

struct ModelSpec {
  enum class Kind { kBpe, kWordPiece, kUnigram, kWordLevel };
  // What a piece of a SentencePiece model is for.
  enum class PieceKind { kNormal, kUnknown, kControl, kUserDefined, kByte, kUnused };
  Kind kind = Kind::kBpe;
  std::vector<std::pair<std::string, std::int64_t>> vocab;
  std::optional<std::string> unk_token;
  std::optional<std::string> continuing_subword_prefix;
  // BPE
  TextPairs merges;
  std::optional<std::string> end_of_word_suffix;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
  // tiktoken's form, of byte-level vocabularies: no merges; any two neighbours whose concatenation
  // is a token merge, the smallest id first, and a word that is a token stays whole.
  bool ranks = false;
  // WordPiece
  std::int64_t max_input_chars_per_word = 100;
  // Unigram: ids are 0, 1, 2, ... in the order of `vocab`.
  std::vector<double> scores;
  std::optional<std::int64_t> unk_id;
  // SentencePiece models
  std::vector<PieceKind> kinds;  // none: all are normal
  bool sentencepiece = false;    // compute as sentencepiece does, where tokenizers differs
};

struct AddedTokenSpec {
  std::string content;
  std::int64_t id = 0;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = true;
  bool special = false;
};

// One element of a template: a sequence (A or B) or the ids of a special token.
struct TemplatePiece {
  bool is_sequence = false;
  bool is_pair = false;  // sequence B
  std::uint32_t type_id = 0;
  std::vector<std::int64_t> ids;
  std::vector<std::string> tokens;
};

struct PostProcessorSpec {
  enum class Kind { kTrimOffsets, kTemplate, kBert, kRoberta };
  Kind kind = Kind::kTrimOffsets;
  bool add_prefix_space = false;            // TrimOffsets
  std::vector<TemplatePiece> single, pair;  // Template
  TemplatePiece cls, sep;                   // Bert, Roberta: what goes around a text
};

struct DecoderSpec {
  enum class Kind {
    kByteLevel,
    kWordPiece,
    kFuse,
    kMetaspace,
    kBpe,
    kByteFallback,
    kCtc,
    kReplace,
    kStrip,
    kSentencePiece
  };
  Kind kind = Kind::kByteLevel;
  std::string prefix = "##";              // WordPiece
  bool cleanup = true;                    // WordPiece, CTC
  std::string suffix;                     // BPE
  std::string pad_token, word_delimiter;  // CTC
  PatternSpec pattern;                    // Replace
  std::string content;                    // Replace
  char32_t character = U'\u2581';         // Metaspace: stands for a space; Strip: what goes
  bool drops_first = true;                // Metaspace: those of the first token are no spaces
  std::int64_t start = 0, stop = 0;       // Strip: the most characters that go at either end
  std::shared_ptr<const SentencePieceDecoder> sentencepiece;  // SentencePiece
};

struct TruncationSpec {
  enum class Strategy { kLongestFirst, kOnlyFirst, kOnlySecond };
  std::int64_t max_length = 0;  // tokens, special ones included
  std::int64_t stride = 0;      // the tokens that one window shares with the next
  Strategy strategy = Strategy::kLongestFirst;
  bool left = false;
};

struct PaddingSpec {
  std::optional<std::int64_t> fixed;  // absent: to the longest of the batch
  bool left = false;
  std::int64_t multiple_of = 0;  // 0: any length
  std::int64_t id = 0;
  std::int64_t type_id = 0;
  std::string token;
};

struct TokenizerSpec {
  std::vector<NormalizerSpec> normalizers;
  std::vector<PreTokenizerSpec> pre_tokenizers;
  ModelSpec model;
  std::vector<AddedTokenSpec> added_tokens;
  // Whether new tokens may have any free id. Else each must have the next one: the peers number
  // them by themselves and only warn if a tokenizer.json disagrees.
  bool added_ids_may_skip = false;
  std::vector<PostProcessorSpec> post_processors;
  std::vector<DecoderSpec> decoders;
};

// How one call treats lengths; kept apart from the rest so that tokenizers that differ in nothing
// else share their tables.
struct LengthSpec {
  std::optional<TruncationSpec> truncation;
  std::optional<PaddingSpec> padding;
};

}  // namespace quatrain::tokenizer
