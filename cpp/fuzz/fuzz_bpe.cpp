// Byte-level BPE in its three forms: at speed on bytes, on characters that spell them, and as the
// paper says it. All give the same ids.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "core/check.h"
#include "fuzz/specs.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/model.h"

using namespace quatrain;

namespace {

using Ids = std::vector<std::uint32_t>;

std::string spelled(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    unicode::append(text, tokenizer::byte_to_char(static_cast<unsigned char>(byte)));
  }
  return text;
}

Ids ids(const tokenizer::Model& model, std::string_view word, tokenizer::Workspace& workspace) {
  std::vector<tokenizer::Token> tokens;
  model.tokenize(word, workspace, tokens);
  Ids ids;
  std::uint32_t at = 0;
  for (const tokenizer::Token& token : tokens) {
    if (token.begin != at || token.end <= at) std::abort();
    at = token.end;
    ids.push_back(token.id);
  }
  if (at != word.size()) std::abort();
  return ids;
}

// Merges the two neighbours that come first in the list, the leftmost of several, again and again.
class Paper {
 public:
  explicit Paper(const tokenizer::ModelSpec& spec)
      : keeps_words_(spec.ignore_merges || spec.ranks), ranks_(spec.ranks) {
    for (const auto& [token, id] : spec.vocab) ids_[token] = static_cast<std::uint32_t>(id);
    for (std::size_t i = 0; i < spec.merges.size(); ++i) {
      const auto [left, right] = spec.merges[i];
      merges_[{std::string(left), std::string(right)}] = i;
    }
  }

  Ids encode(std::string_view word) const {
    std::vector<std::string> parts;
    const auto whole = ids_.find(spelled(word));
    if (keeps_words_ && whole != ids_.end()) return {whole->second};
    for (const char byte : word) parts.push_back(spelled({&byte, 1}));
    for (;;) {
      std::size_t best = SIZE_MAX, at = 0;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const std::size_t rank = this->rank(parts[i], parts[i + 1]);
        if (rank < best) best = rank, at = i;
      }
      if (best == SIZE_MAX) break;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    Ids ids;
    for (const std::string& part : parts) ids.push_back(ids_.at(part));
    return ids;
  }

 private:
  std::size_t rank(const std::string& left, const std::string& right) const {
    if (ranks_) {
      const auto found = ids_.find(left + right);
      return found == ids_.end() ? SIZE_MAX : found->second;
    }
    const auto found = merges_.find({left, right});
    return found == merges_.end() ? SIZE_MAX : found->second;
  }

  bool keeps_words_, ranks_;
  std::map<std::string, std::uint32_t> ids_;
  std::map<std::pair<std::string, std::string>, std::size_t> merges_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kShort = 200;
  fuzz::Bytes bytes(data, size);
  try {
    const std::string text = bytes.long_text(3000);
    const tokenizer::ModelSpec spec = fuzz::byte_level_model(bytes);
    const auto fast = tokenizer::make_model(spec, true);
    const auto slow = spec.ranks ? nullptr : tokenizer::make_model(spec, false);
    const Paper paper(spec);
    tokenizer::Workspace workspace, other;
    // The text in growing words, then all of it, then again with what is remembered.
    for (int round = 0; round < 2; ++round) {
      for (std::size_t at = 0, length = 1; at < text.size(); ++length) {
        std::size_t end = std::min(at + length, text.size());
        while (end < text.size() && unicode::is_continuation(text[end])) ++end;
        const std::string word = text.substr(at, end - at);
        if (ids(*fast, word, workspace) != paper.encode(word)) std::abort();
        at = end;
      }
      if (text.empty()) break;
      const Ids found = ids(*fast, text, workspace);
      if (slow && found != ids(*slow, spelled(text), other)) std::abort();
      if (text.size() <= kShort && found != paper.encode(text)) std::abort();
    }
  } catch (const InputError&) {
  } catch (const TokenizerError&) {
  }
  return 0;
}
