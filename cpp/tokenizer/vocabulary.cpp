#include "tokenizer/vocabulary.h"

#include <array>
#include <bit>

#include "core/check.h"
#include "tokenizer/hash.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {

std::uint32_t checked_id(std::int64_t id, const char* where, std::string_view token) {
  check<TokenizerError>(id >= 0 && id <= kMaxId, where, "token '", token, "' has id ", id,
                        ", expected 0 to ", kMaxId);
  return static_cast<std::uint32_t>(id);
}

Vocabulary::Vocabulary(const std::vector<std::pair<std::string, std::int64_t>>& tokens)
    : slots_(std::bit_ceil(tokens.size() * 2 + 2)) {
  by_id_.reserve(tokens.size());
  for (const auto& [token, id] : tokens) add(token, checked_id(id, "model.vocab", token));
}

std::optional<std::uint32_t> Vocabulary::checked_unknown(std::optional<std::int64_t> id) const {
  if (!id) return std::nullopt;
  check<TokenizerError>(*id >= 0 && *id < end_id() && has(static_cast<std::uint32_t>(*id)),
                        "model.unk_id", "found ", *id, ", expected 0 to ",
                        static_cast<std::int64_t>(end_id()) - 1);
  return static_cast<std::uint32_t>(*id);
}

void Vocabulary::add(std::string_view token, std::uint32_t id) {
  check<TokenizerError>(unicode::is_valid(token), "model.vocab", "token of id ", id,
                        " is not valid UTF-8");
  check<TokenizerError>(!has(id), "model.vocab", "id ", id, " belongs to both '",
                        has(id) ? this->token(id) : "", "' and '", token, "'");
  const std::uint64_t hash = hash_bytes(token);
  check<TokenizerError>(!find(token, hash), "model.vocab", "token '", token, "' appears twice");
  check<TokenizerError>(bytes_.size() + token.size() < UINT32_MAX, "model.vocab",
                        "the vocabulary holds more than 4 GiB of text");
  if (id >= by_id_.size()) by_id_.resize(id + std::size_t{1});
  by_id_[id] = {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(token.size()),
                static_cast<std::uint32_t>(hash >> 32), true};
  bytes_.append(token);
  if (++size_ * 2 > slots_.size()) return rehash(slots_.size() * 2);
  std::size_t i = place(hash);
  while (slots_[i]) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = id + 1;
}

void Vocabulary::rehash(std::size_t slots) {
  slots_.assign(slots, 0);
  for (std::uint32_t id = 0; id < by_id_.size(); ++id) {
    if (!by_id_[id].is_set) continue;
    std::size_t i = hash_bytes(token(id)) & (slots - 1);
    while (slots_[i]) i = (i + 1) & (slots - 1);
    slots_[i] = id + 1;
  }
}

std::optional<std::uint32_t> Vocabulary::find(std::string_view token) const {
  return find(token, hash_bytes(token));
}

void Vocabulary::find(std::span<const std::string_view> tokens,
                      std::span<std::uint32_t> ids) const {
  std::array<std::uint64_t, kAtOnce> hashes;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    hashes[i] = hash_bytes(tokens[i]);
    prefetch(&slots_[place(hashes[i])]);
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ids[i] = slots_[place(hashes[i])];
    if (ids[i] > 0) prefetch(&by_id_[ids[i] - 1]);
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (ids[i] > 0) prefetch(&bytes_[by_id_[ids[i] - 1].offset]);
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ids[i] = find(tokens[i], hashes[i]).value_or(UINT32_MAX);
  }
}

std::optional<std::uint32_t> Vocabulary::find(std::string_view token, std::uint64_t hash) const {
  for (std::size_t i = place(hash); slots_[i]; i = (i + 1) & (slots_.size() - 1)) {
    const std::uint32_t id = slots_[i] - 1;
    const Entry& entry = by_id_[id];
    if (entry.hash == static_cast<std::uint32_t>(hash >> 32) && this->token(id) == token) return id;
  }
  return std::nullopt;
}

std::string_view Vocabulary::token(std::uint32_t id) const {
  return std::string_view(bytes_).substr(by_id_[id].offset, by_id_[id].size);
}

std::vector<std::uint32_t> Vocabulary::character_ids() const {
  std::vector<std::uint32_t> ids(0x10000, UINT32_MAX);
  for (std::uint32_t id = 0; id < end_id(); ++id) {
    const std::string_view text = has(id) ? token(id) : "";
    if (text.empty() || text.size() > 3 || text.size() > unicode::length(text[0])) continue;
    std::size_t at = 0;
    ids[unicode::decode(text, at)] = id;
  }
  return ids;
}

}  // namespace quatrain::tokenizer
