#include "tokenizer/model.h"

#include "tokenizer/bpe.h"
#include "tokenizer/hash.h"
#include "tokenizer/sentencepiece_bpe.h"
#include "tokenizer/unigram.h"
#include "tokenizer/word_level.h"
#include "tokenizer/wordpiece.h"

namespace quatrain::tokenizer {

bool WordCache::find(std::string_view word, std::uint64_t hash, std::vector<Token>& out) const {
  if (slots_.empty()) return false;
  for (std::size_t i = hash & (kSlots - 1); slots_[i].token_count; i = (i + 1) & (kSlots - 1)) {
    const Slot& slot = slots_[i];
    if (slot.hash != hash || slot.word_size != word.size()) continue;
    if (std::string_view(words_).substr(slot.word, slot.word_size) != word) continue;
    const Token* first = tokens_.data() + slot.tokens;
    out.insert(out.end(), first, first + slot.token_count);
    return true;
  }
  return false;
}

void WordCache::insert(std::string_view word, std::uint64_t hash, std::span<const Token> tokens) {
  if (tokens.empty() || tokens.size() > UINT16_MAX) return;
  if (slots_.empty() || size_ >= kEntries || words_.size() > kBytes || tokens_.size() > kTokens) {
    slots_.assign(kSlots, {});
    words_.clear();
    tokens_.clear();
    size_ = 0;
  }
  std::size_t i = hash & (kSlots - 1);
  while (slots_[i].token_count) i = (i + 1) & (kSlots - 1);
  slots_[i] = {hash, static_cast<std::uint32_t>(words_.size()),
               static_cast<std::uint32_t>(tokens_.size()), static_cast<std::uint16_t>(word.size()),
               static_cast<std::uint16_t>(tokens.size())};
  words_.append(word);
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  ++size_;
}

// Vectors have room for up to twice what they hold.
std::size_t WordCache::bytes() {
  return kSlots * sizeof(Slot) + 2 * (kBytes + kLongestWord) +
         2 * (kTokens + UINT16_MAX) * sizeof(Token);
}

void Model::tokenize(std::string_view word, Workspace& workspace, std::vector<Token>& out) const {
  if (const ByteBpe* bpe = byte_bpe()) {
    workspace.ids.shorten(0);
    bpe->encode(word, word.data() + word.size(), workspace.id_cache, workspace.ids);
    std::uint32_t begin = 0;
    for (const std::uint32_t id : workspace.ids.ids()) {
      const std::uint32_t end = begin + bpe->size(id);
      out.push_back({id, begin, end});
      begin = end;
    }
    return;
  }
  if (!boundaries_ || may_tie()) return tokenize_part(word, workspace, out);
  const std::size_t start = out.size();
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t end = boundaries_->next(word, at), first = out.size();
    tokenize_part(word.substr(at, end - at), workspace, out);
    for (std::size_t i = first; i < out.size(); ++i) {
      out[i].begin += static_cast<std::uint32_t>(at);
      out[i].end += static_cast<std::uint32_t>(at);
    }
    if (first > start && first < out.size() && out[first - 1].id == fused_ &&
        out[first].id == fused_) {
      out[first - 1].end = out[first].end;
      out.erase(out.begin() + static_cast<std::ptrdiff_t>(first));
    }
    at = end;
  }
}

void Model::tokenize_part(std::string_view part, Workspace& workspace,
                          std::vector<Token>& out) const {
  if (part.size() > WordCache::kLongestWord) return compute(part, nullptr, workspace, out);
  const std::uint64_t hash = hash_bytes(part);
  if (workspace.cache.find(part, hash, out)) return;
  const std::size_t first = out.size();
  compute(part, nullptr, workspace, out);
  workspace.cache.insert(part, hash, {out.data() + first, out.size() - first});
}

bool Model::append_part(std::string_view part, double, Workspace& workspace, IdBuffer& out) const {
  std::vector<Token>& tokens = workspace.tokens;
  tokens.clear();
  compute(part, nullptr, workspace, tokens);
  for (const Token& token : tokens) out.push(token.id);
  return true;
}

std::unique_ptr<Model> make_model(const ModelSpec& spec, bool bytes) {
  switch (spec.kind) {
    case ModelSpec::Kind::kWordPiece:
      return std::make_unique<WordPiece>(spec);
    case ModelSpec::Kind::kWordLevel:
      return std::make_unique<WordLevel>(spec);
    case ModelSpec::Kind::kUnigram:
      return std::make_unique<Unigram>(spec);
    case ModelSpec::Kind::kBpe:
      if (spec.sentencepiece) return std::make_unique<SentencePieceBpe>(spec);
      break;
  }
  return std::make_unique<Bpe>(spec, bytes);
}

}  // namespace quatrain::tokenizer
