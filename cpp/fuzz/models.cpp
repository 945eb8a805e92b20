// Models from a fuzzer's bytes.
#include <algorithm>
#include <utility>

#include "fuzz/specs.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/byte_pieces.h"

namespace quatrain::fuzz {
namespace {

using namespace tokenizer;

std::string spelled(int byte) {
  std::string text;
  unicode::append(text, byte_to_char(static_cast<unsigned char>(byte)));
  return text;
}

// With the next id, unless there is one of the same text: most descriptions should be sound.
void add(ModelSpec& spec, std::string token) {
  const auto is_same = [&](const auto& known) { return known.first == token; };
  if (token.empty() || std::any_of(spec.vocab.begin(), spec.vocab.end(), is_same)) return;
  spec.vocab.emplace_back(std::move(token), static_cast<std::int64_t>(spec.vocab.size()));
}

const std::string& any_token(const ModelSpec& spec, Bytes& bytes) {
  return spec.vocab[bytes.byte() % spec.vocab.size()].first;
}

void add_merges(ModelSpec& spec, Bytes& bytes) {
  const std::size_t prefix = spec.continuing_subword_prefix.value_or("").size();
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::size_t left = bytes.below(40); left > 0; --left) {
    std::string first = bytes.flag() ? spec.vocab.back().first : any_token(spec, bytes);
    std::string second = any_token(spec, bytes);
    if (second.size() < prefix || first.size() + second.size() > 300) continue;
    add(spec, first + second.substr(prefix));
    merges.emplace_back(std::move(first), std::move(second));
  }
  if (bytes.rarely()) std::reverse(merges.begin(), merges.end());
  for (const auto& [left, right] : merges) spec.merges.add(left, right);
}

// What few files say, and those by mistake.
void damage(ModelSpec& spec, Bytes& bytes) {
  if (bytes.rarely()) spec.scores.push_back(0);
  if (bytes.rarely()) spec.kinds.resize(bytes.below(9));
  if (bytes.rarely()) {
    const std::string left = token(bytes);
    spec.merges.add(left, token(bytes));
  }
  if (bytes.rarely()) spec.unk_id = bytes.number();
  if (spec.vocab.empty() || !bytes.rarely()) return;
  auto& [text, id] = spec.vocab[bytes.byte() % spec.vocab.size()];
  if (bytes.flag()) {
    text = bytes.raw(8);
  } else {
    id = bytes.number();
  }
}

}  // namespace

ModelSpec model(Bytes& bytes, ModelSpec::Kind kind, bool sentencepiece) {
  ModelSpec spec;
  spec.kind = kind;
  spec.sentencepiece = sentencepiece;
  add(spec, "[UNK]");
  const std::size_t alphabet = bytes.below(3);
  if (alphabet > 0) {
    for (int byte = 0; byte < 256; ++byte) {
      add(spec, alphabet == 1 ? byte_piece(static_cast<std::size_t>(byte)) : spelled(byte));
    }
  }
  for (std::string& text : some(bytes, 40, token)) add(spec, std::move(text));
  if (bytes.flag()) spec.continuing_subword_prefix = bytes.flag() ? "##" : token(bytes);
  if (bytes.below(4) == 0) spec.end_of_word_suffix = token(bytes);
  if (kind == ModelSpec::Kind::kBpe) add_merges(spec, bytes);
  if (!bytes.rarely()) spec.unk_token = any_token(spec, bytes);
  if (!bytes.rarely()) {
    spec.unk_id = static_cast<std::int64_t>(bytes.byte() % spec.vocab.size());
  }
  spec.fuse_unk = bytes.flag();
  spec.byte_fallback = alphabet == 1 ? bytes.flag() : bytes.rarely();
  spec.ignore_merges = bytes.flag();
  spec.max_input_chars_per_word = bytes.number();
  for (std::size_t i = 0; i < spec.vocab.size(); ++i) {
    spec.scores.push_back(static_cast<double>(bytes.number()) / -7);
  }
  if (spec.sentencepiece || bytes.rarely()) {
    for (std::size_t i = 0; i < spec.vocab.size(); ++i) {
      using Kind = ModelSpec::PieceKind;
      spec.kinds.push_back(bytes.below(4) == 1 ? bytes.choice(Kind::kUnused) : Kind::kNormal);
    }
  }
  damage(spec, bytes);
  return spec;
}

ModelSpec byte_level_model(Bytes& bytes) {
  ModelSpec spec;
  for (int byte = 0; byte < 256; ++byte) add(spec, spelled(byte));
  for (std::string& text : some(bytes, 10, token)) add(spec, std::move(text));
  add_merges(spec, bytes);
  spec.ignore_merges = bytes.flag();
  spec.ranks = bytes.flag();
  if (spec.ranks) spec.merges = {};
  return spec;
}

}  // namespace quatrain::fuzz
