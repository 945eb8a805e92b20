#include "tokenizer/tokenizer.h"

#include <algorithm>

#include "core/check.h"
#include "core/interrupt.h"
#include "core/parallel.h"
#include "tokenizer/lengths.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/scratch.h"

namespace quatrain::tokenizer {
namespace {

// Whether the model may read raw bytes where the file spells them: ByteLevel, and only that, comes
// last.
bool reads_bytes(const TokenizerSpec& spec) {
  const auto is_byte_level = [](const PreTokenizerSpec& step) {
    return step.kind == PreTokenizerSpec::Kind::kByteLevel;
  };
  const auto& steps = spec.pre_tokenizers;
  return spec.model.kind == ModelSpec::Kind::kBpe && !steps.empty() &&
         is_byte_level(steps.back()) &&
         std::count_if(steps.begin(), steps.end(), is_byte_level) == 1;
}

std::vector<NormalizerSpec> checked(const std::vector<NormalizerSpec>& normalizers) {
  for (const NormalizerSpec& normalizer : normalizers) check_normalizer(normalizer);
  return normalizers;
}

// Tokens that take the spaces behind them may overlap: a text of n spaces could take n * n bytes.
constexpr std::size_t kMostShown = std::size_t{1} << 26;

[[noreturn]] void refuse(std::string_view token, std::uint32_t at) {
  fail("encode", "the text has the special token '", token, "' at character ", at,
       ", where special tokens are refused");
}

std::size_t count_tokens(const Vocabulary& vocabulary, const AddedTokens& added) {
  std::size_t count = vocabulary.size();
  for (const AddedTokenSpec& token : added.tokens()) {
    count += !vocabulary.has(static_cast<std::uint32_t>(token.id));
  }
  return count;
}

std::uint32_t end_of_ids(const Vocabulary& vocabulary, const AddedTokens& added) {
  std::uint32_t end = vocabulary.end_id();
  for (const AddedTokenSpec& token : added.tokens()) {
    end = std::max(end, static_cast<std::uint32_t>(token.id) + 1);
  }
  return end;
}

}  // namespace

Tokenizer::Tokenizer(const TokenizerSpec& spec)
    : normalizers_(checked(spec.normalizers)),
      pre_tokenizer_(spec.pre_tokenizers, reads_bytes(spec)),
      model_(make_model(spec.model, reads_bytes(spec))),
      bert_words_(BertWords::make(normalizers_, pre_tokenizer_, *model_)),
      marked_words_(MarkedWords::make(normalizers_, pre_tokenizer_, *model_)),
      sentencepiece_words_(SentencePieceWords::make(normalizers_, spec.pre_tokenizers, *model_)),
      added_(spec.added_tokens, spec.added_ids_may_skip, model_->vocabulary(), normalizers_),
      size_(count_tokens(model_->vocabulary(), added_)),
      end_id_(end_of_ids(model_->vocabulary(), added_)),
      post_processor_(
          spec.post_processors,
          [this](std::uint32_t id) { return has(id) ? token(id) : std::string_view(); }, end_id_),
      decoder_(spec.decoders),
      cuts_(cut_rule(spec)) {}

Tokenizer::~Tokenizer() = default;

CacheInfo Tokenizer::cache_info() const {
  const std::lock_guard lock(mutex_);
  return {idle_.size(), WordCache::bytes() + IdCache::bytes()};
}

bool Tokenizer::has(std::int64_t id) const {
  if (id < 0 || id >= end_id_) return false;
  const auto index = static_cast<std::uint32_t>(id);
  return model_->vocabulary().has(index) || added_.find(index) != nullptr;
}

std::string_view Tokenizer::token(std::uint32_t id) const {
  const Vocabulary& vocabulary = model_->vocabulary();
  return vocabulary.has(id) ? vocabulary.token(id) : std::string_view(added_.find(id)->content);
}

std::optional<std::uint32_t> Tokenizer::find(std::string_view token) const {
  if (const auto id = model_->vocabulary().find(token)) return id;
  const AddedTokenSpec* added = added_.find(token);
  if (!added) return std::nullopt;
  return static_cast<std::uint32_t>(added->id);
}

std::vector<std::string_view> Tokenizer::tokens(const Encoding& encoding) const {
  std::vector<std::string_view> tokens(encoding.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (has(encoding.ids[i])) tokens[i] = token(encoding.ids[i]);
  }
  for (const auto& [position, text] : encoding.texts) tokens[position] = text;
  return tokens;
}

void Tokenizer::read_words(Text& text, const SpecialGuard& guard, Scratch& scratch,
                           std::uint32_t& word, Sequence& out) const {
  const IdSet& barred = guard.rule().barred;
  pre_tokenizer_.split(text, scratch.pieces);
  Pulse pulse;
  for (const Piece& piece : scratch.pieces) {
    pulse.read(piece.end - piece.begin);
    scratch.tokens.clear();
    model_->tokenize(text.view(piece), scratch.workspace, scratch.tokens);
    if (!barred.empty()) {
      for (const Token& token : scratch.tokens) {
        const Span from = text.span(piece.begin + token.begin, piece.begin + token.end);
        if (!guard.bars(token.id, from)) continue;
        if (guard.rule().raises) refuse(this->token(token.id), from.begin);
        read_again(text, piece, guard, scratch);
        break;
      }
    }
    for (const Token& token : scratch.tokens) {
      if (token.id == model_->wildcard()) {
        const std::string_view shown =
            text.view({piece.begin + token.begin, piece.begin + token.end});
        if (shown != this->token(token.id)) {
          out.texts.emplace_back(static_cast<std::uint32_t>(out.size()), shown);
        }
      }
      out.push(token.id, text.span(piece.begin + token.begin, piece.begin + token.end), word);
    }
    ++word;
  }
}

void Tokenizer::read_again(const Text& text, Piece word, const SpecialGuard& guard,
                           Scratch& scratch) const {
  const IdSet& barred = guard.rule().barred;
  std::vector<Token>& tokens = scratch.tokens;
  std::vector<Token> found;
  const auto push = [&](std::uint32_t begin, const Token& token) {
    const std::uint32_t behind = begin - word.begin;
    tokens.push_back({token.id, behind + token.begin, behind + token.end});
  };
  std::uint32_t done = word.begin;
  const auto read_until = [&](std::uint32_t end) {
    if (done == end) return;
    found.clear();
    model_->tokenize_without(barred, text.view({done, end}), scratch.workspace, found);
    for (const Token& token : found) push(done, token);
    done = end;
  };
  const std::string_view view = text.view();
  const auto length = [&](std::uint32_t at) {
    return static_cast<std::uint32_t>(unicode::length(view[at]));
  };
  tokens.clear();
  std::vector<Token> standing;
  for (std::uint32_t at = word.begin; at < word.end;) {
    const std::uint32_t begin = at;
    while (at < word.end && !guard.covers(text.span(at))) at += length(at);
    if (begin == at) {
      at += length(at);
      continue;
    }
    standing.clear();
    model_->tokenize_anew(text.view({begin, at}), scratch.workspace, standing);
    for (const Token& token : standing) {
      const Span from = text.span(begin + token.begin, begin + token.end);
      if (!barred.has(token.id) || guard.covers(from)) continue;
      read_until(begin + token.begin);
      push(begin, token);
      done = begin + token.end;
    }
  }
  read_until(word.end);
}

void Tokenizer::read(std::string_view bytes, const SpecialRule& rule,
                     std::optional<std::span<const Piece>> within, Scratch& scratch,
                     Sequence& out) const {
  check(bytes.size() < UINT32_MAX, "encode", "the text has ", bytes.size(),
        " bytes, expected less than 4 GiB");
  out.clear();
  scratch.longest = std::max(scratch.longest, bytes.size());
  scratch.source.assign(bytes);
  const SpecialGuard guard(rule, within, scratch.source);
  AddedTokens::Overlooks overlooks;
  if (!rule.refused.empty() && !rule.raises) {
    overlooks = [&](const AddedTokenSpec& token, Piece piece) {
      return guard.refuses(static_cast<std::uint32_t>(token.id),
                           scratch.text.span(piece.begin, piece.end));
    };
  }
  std::uint32_t word = 0;
  std::size_t shown = 0;
  const auto push = [&](const Text& text, const AddedTokens::Part& part) {
    const std::string_view matched = text.view(part.piece);
    if (rule.raises && rule.refused.has(static_cast<std::uint32_t>(part.token->id))) {
      // The token may have taken the spaces before it.
      const std::size_t stripped = std::min(matched.find(part.token->content), matched.size());
      refuse(part.token->content,
             text.span(part.piece.begin + (stripped < matched.size() ? stripped : 0)).begin);
    }
    if (matched != part.token->content) {
      shown += matched.size();
      check(shown <= kMostShown + bytes.size(), "encode",
            "the added tokens that overlap take more than ", kMostShown, " bytes");
      out.texts.emplace_back(static_cast<std::uint32_t>(out.size()), matched);
    }
    out.push(static_cast<std::uint32_t>(part.token->id),
             text.span(part.piece.begin, part.piece.end), word++);
  };
  scratch.text.assign(scratch.source, 0, bytes.size());
  added_.split(bytes, false, overlooks, scratch.outer);
  for (const AddedTokens::Part& outer : scratch.outer) {
    scratch.text.assign(scratch.source, outer.piece.begin, outer.piece.end);
    if (outer.token) {
      push(scratch.text, {{0, outer.piece.end - outer.piece.begin}, outer.token});
      continue;
    }
    normalize(normalizers_, scratch.text, &guard);
    if (!added_.has_any(true)) {
      read_words(scratch.text, guard, scratch, word, out);
      continue;
    }
    added_.split(scratch.text.view(), true, overlooks, scratch.inner);
    for (const AddedTokens::Part& inner : scratch.inner) {
      if (inner.token) {
        push(scratch.text, inner);
      } else {
        scratch.part.assign(scratch.text, inner.piece);
        read_words(scratch.part, guard, scratch, word, out);
      }
    }
  }
}

void Tokenizer::read(const Input& input, const SpecialRule& rule, Scratch& scratch) const {
  read(input.text, rule, input.within, scratch, scratch.texts[0]);
  if (input.pair) read(*input.pair, rule, std::nullopt, scratch, scratch.texts[1]);
}

std::array<std::size_t, 2> Tokenizer::fit(const Input& input, bool add_special_tokens,
                                          const TruncationSpec& spec,
                                          const Scratch& scratch) const {
  std::optional<std::size_t> second;
  if (input.pair) second = scratch.texts[1].size();
  const std::size_t added = add_special_tokens ? post_processor_.added(second.has_value()) : 0;
  return tokenizer::fit(spec, added, scratch.texts[0].size(), second);
}

Encoding Tokenizer::encode_one(const Input& input, bool add_special_tokens,
                               const LengthSpec& lengths, const SpecialRule& rule,
                               Scratch& scratch) const {
  read(input, rule, scratch);
  const std::size_t count = input.pair ? 2 : 1;
  if (lengths.truncation) {
    const auto length = fit(input, add_special_tokens, *lengths.truncation, scratch);
    for (std::size_t i = 0; i < count; ++i) {
      Sequence& text = scratch.texts[i];
      const auto [begin, end] = window(*lengths.truncation, length[i], text.size(), 0);
      if (end - begin < text.size()) text.keep(begin, end);
    }
  }
  return post_processor_.join(
      count == 2, add_special_tokens,
      [&](std::size_t, bool is_second) -> const Sequence& { return scratch.texts[is_second]; });
}

std::pair<Tokenizer::Ids, Tokenizer::Ids> Tokenizer::frame() const {
  const Encoding around = post_processor_.join(
      false, true, [nothing = Sequence()](std::size_t, bool) -> const auto& { return nothing; });
  const auto is_text = [](const Encoding::Part& part) { return part.is_of(false); };
  const auto text = std::find_if(around.parts.begin(), around.parts.end(), is_text);
  check(std::count_if(text, around.parts.end(), is_text) == 1, "encode",
        "special tokens stand between two copies of the text, expected one copy");
  const auto at = around.ids.begin() + text->tokens.begin;
  return {{around.ids.begin(), at}, {at, around.ids.end()}};
}

SpecialRule Tokenizer::special_rule(bool raises, std::span<const std::uint32_t> allowed,
                                    std::span<const std::uint32_t> control) const {
  const auto holds = [](std::span<const std::uint32_t> ids, std::uint32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  SpecialRule rule;
  rule.raises = raises;
  const auto add = [&](std::uint32_t id) {
    rule.refused.insert(id);
    if (model_->vocabulary().has(id) && id != model_->unknown()) rule.barred.insert(id);
  };
  for (const AddedTokenSpec& token : added_.tokens()) {
    const auto id = static_cast<std::uint32_t>(token.id);
    if (token.special && !holds(allowed, id)) add(id);
  }
  for (const std::uint32_t id : control) add(id);
  return rule;
}

void Tokenizer::pad_all(const LengthSpec& lengths, std::span<Encoding> batch) const {
  if (!lengths.padding) return;
  const PaddingSpec& spec = *lengths.padding;
  const bool is_known = has(spec.id) && token(static_cast<std::uint32_t>(spec.id)) == spec.token;
  pad(spec, is_known ? nullptr : &spec.token, batch);
}

Encoding Tokenizer::encode(const Input& input, bool add_special_tokens, const LengthSpec& lengths,
                           const SpecialRule& rule) const {
  Lease lease(*this);
  Encoding encoding = encode_one(input, add_special_tokens, lengths, rule, *lease);
  pad_all(lengths, {&encoding, 1});
  return encoding;
}

std::vector<Encoding> Tokenizer::encode_batch(std::span<const Input> inputs,
                                              bool add_special_tokens, const LengthSpec& lengths,
                                              const SpecialRule& rule, int threads) const {
  std::vector<Encoding> batch(inputs.size());
  parallel_for(threads, std::ssize(inputs), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    Lease lease(*this);
    Pulse pulse;
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      pulse.read(inputs[i].text.size());
      batch[i] =
          named([i] { return "text " + std::to_string(i); },
                [&] { return encode_one(inputs[i], add_special_tokens, lengths, rule, *lease); });
    }
  });
  pad_all(lengths, batch);
  return batch;
}

void Tokenizer::decode_next(Decoder::State& state, std::int64_t id, bool skip_special_tokens,
                            std::string& out) const {
  check(has(id), "decode", "id ", id, " is not in the vocabulary of ", size_, " tokens (ids 0 to ",
        static_cast<std::int64_t>(end_id_) - 1, ")");
  const auto index = static_cast<std::uint32_t>(id);
  if (skip_special_tokens) {
    const AddedTokenSpec* added = added_.find(index);
    if (added && added->special) return;
  }
  const std::string* found = added_.found_form(index);
  decoder_.push(state, found ? std::string_view(*found) : token(index), out);
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skip_special_tokens) const {
  std::string out;
  Decoder::State state;
  for (const std::int64_t id : ids) decode_next(state, id, skip_special_tokens, out);
  decoder_.flush(state, out);
  return out;
}

}  // namespace quatrain::tokenizer
